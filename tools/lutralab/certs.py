"""Certificates for tests: an authority of one's own and what it signs, as PEM files in a folder."""

import pathlib
import subprocess


class Authority:
    """NAME.pem and NAME.key in the folder; sign() adds others."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.name = name
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN=Test {name}",
                      "-keyout", f"{name}.key", "-out", f"{name}.pem")

    def _openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name, names, days=2):
        """NAME.pem and NAME.key for `names` ("IP:127.0.0.1,DNS:db.test"); with 0 days it is out of date at once."""
        (self.folder / "ext").write_text(f"subjectAltName={names}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key", "-CAcreateserial",
                      "-days", days, "-extfile", "ext", "-out", f"{name}.pem")
