/* yaml.h - YAML read as JSON. */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/json.h"

/* Appends one YAML document as JSON text, for json_read with the same table. Plain scalars are what
 * YAML 1.2's core schema says, but that 0644 is octal; where the table (NULL: none) has a string,
 * each but null is its own text. -EINVAL with the line for what is no YAML, a second document, an
 * alias, a tag, a merge, a key that is there twice or no scalar, more than 64 levels or 256 keys
 * of one mapping. */
int yaml_to_json(const char *text, size_t len, const struct json_field *table, struct buf *out,
		 struct err *e);

#endif
