/* authorities.h - whose certificates a server may show: the system's, and files beside them. */
#ifndef IMAGE_AUTHORITIES_H
#define IMAGE_AUTHORITIES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

/* The system's bundle: SSL_CERT_FILE, or where distributions have it. NULL: none. */
const char *authorities_file(void);

/* The texts of the bundle and of these files, one after the other; nothing when there are none. */
int authorities_gather(const struct strs *files, struct buf *out, struct err *e);

#endif
