/* runtime_update.c - `runtime update`: other limits for a running container, from options or a
 * file. */
#include "base/file.h"
#include "runtime.h"

#include <fcntl.h>
#include <string.h>

static int from_options(const struct call *c, const struct spec_resources **out, struct err *e)
{
	const struct update_options *o = c->opts;
	struct spec_resources *r = arena_alloc(c->arena, sizeof(*r));
	struct spec_block_io *io = arena_alloc(c->arena, sizeof(*io));
	struct update_options *own = arena_alloc(c->arena, sizeof(*own));
	if (!r || !io || !own)
		return fail(e, E2BIG, "resources");
	*own = *o;
	io->weight = o->blkio_weight;
	*r = (struct spec_resources){
		.memory = &own->memory, .cpu = &own->cpu, .pids_limit = o->pids, .block_io = io
	};
	*out = r;
	return 0;
}

/* "-" is stdin. */
static int from_file(const struct call *c, const char *path, const struct spec_resources **out,
		     struct err *e)
{
	auto_buf text = { .max = SPEC_MAX };
	int rc = strcmp(path, "-") ? file_read(AT_FDCWD, path, &text, e)
				   : file_read_fd(STDIN_FILENO, "standard input", &text, e);
	if (rc == 0)
		rc = spec_resources_parse(text.p, text.len, c->arena, out, e);
	return rc < 0 ? within(e, "resources %s", path) : 0;
}

int command_update(const struct call *c, struct err *e)
{
	const struct update_options *o = c->opts;
	struct update_request r = { .rdt = { .l3_cache_schema = o->l3_cache_schema,
					     .mem_bw_schema = o->mem_bw_schema } };
	struct container *found;
	int rc = runtime_open(c, &found, e);
	if (rc < 0)
		return rc;
	rc = given(o->resources) ? from_file(c, o->resources, &r.resources, e)
				 : from_options(c, &r.resources, e);
	if (rc == 0)
		rc = container_update(found, &r, e);
	container_close(found);
	return rc;
}
