/* systemd_props.h - properties of a unit, as D-Bus takes them: (sv) each. */
#ifndef BOX_SYSTEMD_PROPS_H
#define BOX_SYSTEMD_PROPS_H

#include "base/dbuswire.h"

/* Begins one; its value, of that type, follows. */
void prop_begin(struct buf *b, const char *name, const char *type);

void prop_bool(struct buf *b, const char *name, bool v);
void prop_u64(struct buf *b, const char *name, uint64_t v);
void prop_str(struct buf *b, const char *name, const char *v);

/* Appends the text of a value (true, 'word', uint32 5, ['a', 'b']) as a variant; what begins with a
 * type is of that type, other whole numbers are int32. scale: numbers become uint64, times this; 0:
 * as they are. -EINVAL. */
int prop_text(struct buf *b, const char *text, uint64_t scale);

#endif
