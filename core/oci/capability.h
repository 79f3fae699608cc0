/* capability.h - the capabilities of Linux by name. */
#ifndef OCI_CAPABILITY_H
#define OCI_CAPABILITY_H

#define CAPABILITIES 41 /* named here; a newer kernel may have more */

/* "CAP_NET_RAW", "NET_RAW", "net_raw" to its number. -EINVAL. */
int capability_parse(const char *name);

/* "CAP_NET_RAW"; NULL for a number without a name. */
const char *capability_name(int number);

#endif
