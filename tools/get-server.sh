#!/bin/sh
# tools/get-server.sh WHAT - unpacks a database server that this Debian release does not have, beside the system.
#   mysql            MySQL 9.7 (Debian sid)
#   mariadb-11.8     MariaDB 11.8 with its plug-ins (Debian 13)
#   mariadb-plugins  the plug-in files of this release's own MariaDB (client_ed25519), for mariadbd --plugin-dir
# into .servers/WHAT below the checkout (LUTRA_SERVERS: into another folder), as
#   bin/     a wrapper for each program, to be called in place; works wherever the folder is moved
#   root/    the unpacked packages with their own libc (mariadb-plugins: plugin/ only)
#   VERSIONS what was unpacked; it is written last, so a folder that has it is whole
# No root, no chroot, no change to the system: apt runs with a state of its own, and checks Debian's signatures.
# Does nothing where the server is there already. Status: 0 there, 2 wrong use, 3 it cannot be had.
set -eu

usage() { sed -n '2,5p' "$0" >&2; exit 2; }
no() { echo "get-server.sh: $what cannot be had: $*" >&2; exit 3; }

[ $# -eq 1 ] || usage
what=$1
here=$(cd "$(dirname "$0")/.." && pwd)
servers=${LUTRA_SERVERS:-$here/.servers}
release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")

# version: what the main package's version must begin with; a suite that has moved on is not what the tests mean.
case $what in
mysql) suite=sid packages="mysql-server-core mysql-client-core" version=9.7. ;;
mariadb-11.8) suite=trixie packages="mariadb-server-core mariadb-client-core mariadb-server" version=1:11.8. ;;
mariadb-plugins) suite=$release packages=mariadb-server version= ;;
*) usage ;;
esac
dest=$servers/$what
[ ! -f "$dest/VERSIONS" ] || exit 0

for tool in apt-get apt-config dpkg dpkg-deb tar awk; do
	command -v $tool >/dev/null || no "$tool is missing (only a Debian system can get it)"
done
arch=$(dpkg --print-architecture)
case $arch in
amd64) loader=ld-linux-x86-64.so.2 triplet=x86_64-linux-gnu ;;
arm64) loader=ld-linux-aarch64.so.1 triplet=aarch64-linux-gnu ;;
*) no "no recipe for architecture $arch" ;;
esac
if [ $what = mariadb-plugins ]; then
	version=$(dpkg-query -W -f '${Version}' mariadb-server-core 2>/dev/null) || no "mariadb-server-core is not installed"
fi

mkdir -p "$servers" 2>/dev/null || no "$servers cannot be made"
servers=$(cd "$servers" && pwd)
dest=$servers/$what
exec 9>"$servers/.lock"
flock 9
[ ! -f "$dest/VERSIONS" ] || exit 0
work=$servers/.$what.new
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
apt=$work/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/debs" "$work/tree"
: >"$apt/status"

# The mirrors are those which the machine uses; a machine without any gets Debian's own.
mirror_of() { apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 "/$1/*\$" || echo "http://deb.debian.org/$1"; }
mirror=${LUTRA_DEBIAN_MIRROR:-$(mirror_of debian)}
keyring=
for k in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
	[ ! -f $k ] || keyring=$k
done
[ -n "$keyring" ] || no "Debian's keys are missing (package debian-archive-keyring)"
{
	echo "deb [signed-by=$keyring] $mirror $suite main"
	if [ $what = mariadb-plugins ]; then
		echo "deb [signed-by=$keyring] $mirror $suite-updates main"
		echo "deb [signed-by=$keyring] $(mirror_of debian-security) $suite-security main"
	fi
} >"$apt/sources.list"

# Of the machine's own apt settings only the way to the network is kept. A mirror that stands still (a company's, a
# snapshot) may serve a Release file past its date: that is allowed, for these servers only; the signature is always checked.
{
	cat <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Log "$apt";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
	apt-config dump | grep -E '^Acquire::https?::(Proxy|Verify|CaInfo)' || :
} >"$apt/conf"
export APT_CONFIG="$apt/conf" DEBIAN_FRONTEND=noninteractive

apt-get -qq update >"$apt/log" 2>&1 || no "apt: $(grep -m 1 '^[EW]:' "$apt/log" || tail -n 1 "$apt/log")"
main=${packages%% *}
found=$(apt-cache madison "$main" | awk -F ' *[|] *' -v want="$version" 'index($2, want) == 1 { print $2; exit }')
if [ -z "$found" ]; then
	found=$(apt-cache madison "$main" | awk -F ' *[|] *' '{ print $2; exit }')
	no "Debian $suite has $main ${found:-not at all}, wanted is $version"
fi

# Programs and the libraries they load; what only maintainer scripts need (perl, debconf, adduser...) stays out.
if [ $what = mariadb-plugins ]; then
	list=$main=$found
else
	# shellcheck disable=SC2086
	list=$(apt-get -qq -s install $packages 2>>"$apt/log" | awk -v want=" $packages " '
		$1 != "Inst" || $2 ~ /^(libperl|libgdbm|libdb5|libc-|libpam|libsystemd|lib.*-perl)/ { next }
		$2 ~ /^lib/ || $2 ~ /^(zlib1g|openssl-provider-legacy)/ || index(want, " " $2 " ") { print $2 }')
	[ -n "$list" ] || no "apt: $(grep -m 1 '^E:' "$apt/log" || echo "its packages do not fit together")"
fi
# shellcheck disable=SC2086
(cd "$apt/debs" && apt-get -qq download $list) >>"$apt/log" 2>&1 || no "apt: $(grep -m 1 '^E:' "$apt/log" || tail -n 1 "$apt/log")"

for deb in "$apt"/debs/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/tree" --no-same-owner --exclude='./usr/share/doc/*' \
		--exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./var/*' --exclude='./etc/*' ||
		no "$(basename "$deb") does not unpack (is the disk full?)"
	dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb"
done >"$work/versions"

if [ $what = mariadb-plugins ]; then
	mkdir "$work/ready"
	mv "$work/tree/usr/lib/mysql/plugin" "$work/ready/plugin"
else
	mkdir -p "$work/ready/bin"
	mv "$work/tree" "$work/ready/root"
	root=$work/ready/root
	ld=$(find "$root" -name $loader | head -n 1)
	[ -n "$ld" ] || no "$loader is in none of its packages"
	ld=${ld#"$root"/}
	for program in "$root"/usr/sbin/* "$root"/usr/bin/*; do
		name=$(basename "$program")
		[ "$(head -c 4 "$program" 2>/dev/null | tail -c 3)" = ELF ] || continue
		options=
		case $name in
		mysqld | mariadbd)
			# Every path compiled into a server points at the system, where another server may be.
			share=usr/share/mysql
			[ -d "$root/$share/charsets" ] || share=usr/share/mariadb
			options="--basedir=\"\$root/usr\" --lc-messages-dir=\"\$root/$share\" --character-sets-dir=\"\$root/$share/charsets\""
			options="$options --plugin-dir=\"\$root/usr/lib/mysql/plugin\" --secure-file-priv="
			;;
		esac
		cat >"$work/ready/bin/$name" <<WRAPPER
#!/bin/sh
case \$0 in /*) bin=\${0%/*} ;; *) bin=\$(cd "\${0%/*}" && pwd) ;; esac
root=\${bin%/bin}/root
case \${1-} in
--no-defaults | --defaults-*) first=\$1 && shift ;;
*) first=--no-defaults ;;
esac
exec "\$root/$ld" --library-path "\$root/usr/lib/$triplet:\$root/lib/$triplet:\$root/usr/lib" \\
	"\$root/${program#"$root"/}" \$first $options "\$@"
WRAPPER
		chmod +x "$work/ready/bin/$name"
	done
fi
mv "$work/versions" "$work/ready/VERSIONS"
rm -rf "$dest"
mv "$work/ready" "$dest"
