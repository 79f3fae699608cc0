/* authorities.c - whose certificates a server may show: the system's, and files beside them. */
#include "image/authorities.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ALL_MAX ((size_t)4 << 20)

static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",		     /* Debian, Arch, Alpine */
	"/etc/pki/tls/certs/ca-bundle.crt",		     /* Fedora */
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* its successors */
	"/etc/ssl/ca-bundle.pem",			     /* openSUSE */
	"/etc/ssl/cert.pem",
};

const char *authorities_file(void)
{
	const char *env = getenv("SSL_CERT_FILE");
	if (env && *env)
		return env;
	for (size_t i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++)
		if (access(bundles[i], R_OK) == 0)
			return bundles[i];
	return NULL;
}

static int add(const char *path, struct buf *out, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc = fd < 0 ? fail(e, errno, "open the certificates %.300s", path)
			: file_read_fd(fd, path, out, e);
	buf_char(out, '\n');
	return rc == 0 && out->failed ? fail(e, E2BIG, "read the certificates %.300s", path) : rc;
}

int authorities_gather(const struct strs *files, struct buf *out, struct err *e)
{
	const char *system = authorities_file();
	out->max = ALL_MAX;
	int rc = files->n && system ? add(system, out, e) : 0;
	for (size_t i = 0; rc == 0 && i < files->n; i++)
		rc = add(files->v[i], out, e);
	return rc;
}
