"""Certificates for tests, made anew by the openssl command: one authority, and what it signs."""
import subprocess

from rig import need_program


class Authority:
    """A private certificate authority with its files in `folder`."""

    def __init__(self, folder):
        need_program("openssl")
        self.folder = folder
        self.certificate, self.key = folder / "ca.pem", folder / "ca.key"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                      "-keyout", self.key, "-out", self.certificate)

    def sign(self, name, *subject_alternatives):
        """A certificate of this name: the paths of (certificate, key)."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions.write_text(f"subjectAltName={','.join(subject_alternatives)}\n" if subject_alternatives else "")
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                      "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
