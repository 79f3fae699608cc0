/* store.h - images on disk: an OCI layout, with every layer unpacked once beside it. */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/manifest.h"
#include "image/ref.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DEFAULT_STORE "/var/lib/coracle/images"
#define STORE_CACHE   "cache" /* in it: a directory for each app and builder, for its next build */

/* What is in it:
 *   oci-layout index.json blobs/ALGORITHM/HEX as the image-spec says; other tools read and write it
 *   layers/sha256/HEX/                        the tree of one layer; HEX is the chain id of it and
 * those below, or of what image_mount_copied() has made of all of them
 * containers/ID/{layers,upper,work}         what a container wrote, and the layers it stands on
 * tmp/ lock index.lock                      ours; whatever in tmp nobody holds a lock on is rubbish
 * All writes are tmp + fsync + rename: a reader sees nothing half made, also after a crash. */
struct store {
	int dir;
	int lock;     /* shared while it is open; rmi wants it alone */
	bool foreign; /* a layout that is only read: whoever opened it says where it is */
};

/* Where a layout has a digest's blob: "blobs/sha256/HEX". The digest is a checked one. */
#define PLACE_MAX 150
void blob_place(char out[PLACE_MAX], const char *digest);

/* path NULL: CORACLE_STORE of the environment, else DEFAULT_STORE, for others than root
 * ~/.local/share/coracle/images. Made when absent. Many may have
 * it open. */
int store_open(const char *path, struct store *out, struct err *e);
void store_close(struct store *s);

/* Waits until nobody else has it open, then keeps everybody out until store_close. */
int store_alone(struct store *s, struct err *e);

/* An open blob, for reading; its size is checked when size is not negative. -ENOENT when absent. */
int store_blob_open(const struct store *s, const char *digest, int64_t size, struct err *e);

/* The whole of a small blob (a document): at most b->max bytes, and the digest verified. */
int store_blob_read(const struct store *s, const struct descriptor *d, struct buf *b,
		    struct err *e);

/* Stores a document and says its digest (SHA256_TEXT bytes). */
int store_blob_write(const struct store *s, const void *p, size_t n, char *digest, struct err *e);

/* A private directory in tmp, after what others left in there is gone; locked for as long as the fd
 * is open (also by children that inherit it). name gets its name, for store_work_end, which removes
 * it with all that is left in it. */
#define STORE_WORK_NAME 32
int store_work_begin(const struct store *s, char name[STORE_WORK_NAME], struct err *e);
void store_work_end(const struct store *s, int work, const char *name);

/* Removes what others left half made when they were killed. */
void store_sweep(const struct store *s);

/* Moves a finished, synced file or tree from a work directory to its place. Somebody having been
 * faster is fine. */
int store_blob_commit(const struct store *s, int work, const char *file, const char *digest,
		      struct err *e);
int store_layer_commit(const struct store *s, int work, const char *tree, const char *chain,
		       struct err *e);

/* The unpacked layer's directory; -ENOENT when it is not there. */
int store_layer_open(const struct store *s, const char *chain, struct err *e);

/* What [HOST[:PORT]/]NAME[:TAG] is called in the store. -EINVAL for what cannot be given to an
 * image: a digest, a place on disk. */
int store_name_new(const char *text, struct arena *a, const char **out, struct err *e);

/* Names a manifest (or index): whoever had that name before loses it. Writes nothing when it is
 * named so already. */
int store_name_put(const struct store *s, const char *name, const struct descriptor *d,
		   struct err *e);

/* The same in two steps, with what is named. Nobody else changes names while what store_names_open
 * gives is locked (flock); with it the new index.json is written into a work directory, to be
 * synced with all that is there (1, or 0 when nothing would change), and comes to its place as the
 * last. */
int store_names_open(const struct store *s, struct err *e);
int store_name_stage(const struct store *s, const char *name, const struct descriptor *d, int work,
		     struct err *e);
int store_name_commit(const struct store *s, int work, struct err *e);

/* Takes a name away. -ENOENT when there is none of it. */
int store_name_remove(const struct store *s, const char *name, struct err *e);

/* All that index.json names. */
int store_names(const struct store *s, struct arena *a, struct index *out, struct err *e);

/* Replaces them. The store must be ours alone. */
int store_names_save(const struct store *s, const struct index *ix, struct err *e);

/* The names in an index of a layout: of one descriptor, NULL when it has none. */
const char *descriptor_name(const struct descriptor *d);

/* Removes blobs and layers that no name and no container needs. The store must be ours alone. */
struct store_gc {
	size_t blobs, layers;
	uint64_t bytes; /* of blobs */
};
int store_collect(const struct store *s, struct store_gc *out, struct err *e);

/* containers/ID: made (-EEXIST when taken), opened, removed with all that the container wrote. */
int store_container_make(const struct store *s, const char *id, struct err *e);
int store_container_open(const struct store *s, const char *id, struct err *e);
int store_container_remove(const struct store *s, const char *id, struct err *e);

/* Gives of each container what its file of that name says, without the last newline: of "layers"
 * those that it stands on, a chain id a line, the topmost last. One that has none, or was killed
 * before it had, is passed over. Ends with the first that is not 0. */
int store_notes_each(const struct store *s, const char *file,
		     int (*each)(void *arg, const char *id, char *text, struct err *e), void *arg,
		     struct err *e);

#endif
