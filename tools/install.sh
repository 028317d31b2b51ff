#!/bin/sh
# tools/install.sh WHAT... - installs the Debian packages that a part of the project needs.
#   build    compiler, Meson, the libraries
#   test     what the tests and the demo need beside that: servers, Python, clang's sanitizers
#   bench    what the benchmarks compare with and measure by
#   check    clang-format, clang-tidy, cppcheck, gcovr
# Does nothing (and needs no network) where all of them are there. Asks nothing.
set -eu

BUILD="gcc libc6-dev make meson ninja-build pkg-config git ca-certificates
 libssl-dev zlib1g-dev libzstd-dev libsodium-dev libyaml-dev libevent-dev libpcre2-dev liblua5.4-dev"
TEST="libcmocka-dev clang-14 libclang-rt-14-dev mariadb-server-core mariadb-client-core mariadb-client
 python3 python3-pytest python3-pytest-xdist python3-pymysql python3-cryptography procps openssl
 iproute2 libfaketime ntfs-3g sysbench"
BENCH="mariadb-client time sysbench"
CHECK="clang-format-14 clang-tidy-14 cppcheck gcovr"

want=
for part in "$@"; do
	case $part in
	build) want="$want $BUILD" ;;
	test) want="$want $TEST" ;;
	bench) want="$want $BENCH" ;;
	check) want="$want $CHECK" ;;
	*)
		echo "install.sh: unknown part '$part' (build, test, bench, check)" >&2
		exit 2
		;;
	esac
done

missing=
for package in $want; do
	state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || :)
	case $state in ii*) ;; *) missing="$missing $package" ;; esac
done
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root="sudo -n"
export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing" >&2
$as_root apt-get -qq update >&2
# shellcheck disable=SC2086
$as_root apt-get -qq -y install --no-install-recommends $missing >&2
