/* pull.c - `coracle pull`: images from registries, layouts and archives into the store. */
#include "image/pull.h"
#include "applets.h"
#include "base/log.h"
#include "box/subid.h"
#include "image/progress.h"
#include "image/show.h"

#include <stdio.h>
#include <string.h>

struct pull_options {
	const char *store, *platform, *format, *creds, *certs, *authfile;
	struct signers signers;
	int timeout;
	bool quiet, json, tls_verify;
	uint64_t jobs;
	struct limits limits;
	enum show how;
};

static const struct opt options[] = {
	OPT(OPT_PATH, pull_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, pull_options, store, 0, "root", "DIR", "the same"),
	OPT(OPT_MAYBE_STR, pull_options, platform, 0, "platform", "OS/ARCH[/VARIANT]",
	    "instead of this machine's"),
	OPT(OPT_FLAG, pull_options, quiet, 'q', "quiet", NULL, "show no progress"),
	OPT(OPT_FLAG, pull_options, json, 0, "json", NULL,
	    "show progress and what was pulled as JSON, an object a line"),
	OPT(OPT_STR, pull_options, format, 0, "format", "table|json",
	    "how to print what was pulled: its digest, or JSON"),
	OPT(OPT_STR, pull_options, creds, 0, "creds", "USER:PASSWORD",
	    "instead of those that docker or podman login, or a credential helper, has kept"),
	OPT(OPT_PATH, pull_options, authfile, 0, "authfile", "FILE",
	    "look for them there (default: $REGISTRY_AUTH_FILE, then podman's files and docker's)"),
	OPT(OPT_STR, pull_options, certs, 0, "certs-dir", "DIR",
	    "instead of /etc/containerd/certs.d: DIR/HOST[:PORT]/hosts.toml with mirrors and "
	    "certificates, or *.crt, *.cert and *.key"),
	OPT(OPT_LIST, pull_options, signers.keys, 0, "verify-key", "FILE",
	    "refuse an image without a signature as cosign makes them (tag sha256-HEX.sig, or a "
	    "bundle that refers to it) by this public key in PEM: ECDSA, RSA or Ed25519; may be "
	    "given again for any of several"),
	OPT(OPT_FLAG, pull_options, signers.name, 0, "verify-name", NULL,
	    "the signature must also be for this HOST/NAME (its docker-reference)"),
	OPT(OPT_INT, pull_options, timeout, 0, "timeout", "SECONDS",
	    "give up a transfer of which nothing came for so long (default: 60)"),
	OPT(OPT_FLAG, pull_options, tls_verify, 0, "tls-verify", NULL,
	    "=false: accept any certificate, and plain http"),
	OPT(OPT_U64, pull_options, jobs, 'j', "jobs", "N",
	    "layers at a time (default: as many as processors, at least 3)"),
	OPT(OPT_SIZE, pull_options, limits.manifest, 0, "max-manifest", "SIZE",
	    "refuse a larger manifest or index (4 MiB)"),
	OPT(OPT_SIZE, pull_options, limits.config, 0, "max-config", "SIZE",
	    "refuse a larger configuration (4 MiB)"),
	OPT(OPT_SIZE, pull_options, limits.size, 0, "max-size", "SIZE",
	    "refuse layers that together are larger, packed or as files (256 GiB)"),
	OPT(OPT_U64, pull_options, limits.entries, 0, "max-entries", "N",
	    "refuse layers that together have more entries (4000000)"),
	OPT(OPT_U64, pull_options, limits.name, 0, "max-name", "BYTES",
	    "refuse a longer path in a layer (4095)"),
	OPT(OPT_U64, pull_options, limits.ratio, 0, "max-ratio", "N",
	    "refuse a layer or an archive that unpacks to over 256 MiB and more than N times its "
	    "size (1100)"),
	OPT(OPT_SIZE, pull_options, limits.window, 0, "max-window", "SIZE",
	    "refuse what zstd has packed with a larger window: each layer at work takes so much "
	    "memory (128 MiB)"),
	{ 0 },
};
static const struct pull_options defaults = { .timeout = 60,
					      .tls_verify = true,
					      .limits = LIMITS_DEFAULT };

static int pull_one(const struct call *c, const struct store *s, const char *name, struct err *e)
{
	const struct pull_options *o = c->opts;
	struct platform platform;
	struct image im;
	auto_buf out = { 0 };
	auto_arena *a = arena_new(ARENA_IMAGE);
	struct progress progress = { .fd = o->quiet ? -1 : o->json ? 1 : 2, .json = o->json };
	struct pull_request r = { .text = name,
				  .platform = o->platform ? &platform : NULL,
				  .origin = { .credentials = o->creds,
					      .authfile = o->authfile,
					      .certs = o->certs,
					      .stall = (unsigned)o->timeout,
					      .insecure = !o->tls_verify },
				  .signers = o->signers,
				  .limits = &o->limits,
				  .jobs = o->jobs,
				  .progress = progress_layer,
				  .arg = &progress };
	if (!a)
		return fail(e, ENOMEM, "pull %s", name);
	int rc = o->platform ? platform_parse(o->platform, a, &platform, e) : 0;
	if (rc == 0)
		rc = pull(s, &r, a, &im, e);
	progress_end(&progress);
	if (rc < 0)
		return rc;
	show_pulled(&im, o->how, &out);
	return cli_print(&out, e);
}

/* Whoever lists processes is shown their arguments. The secret is the end of one of these. */
static void blot(char **argv, const char *secret)
{
	size_t n = strlen(secret);
	for (char **p = argv; *p; p++) {
		size_t len = strlen(*p);
		if (len >= n && *p + len - n == secret)
			memset(*p + len - n, '*', n);
	}
}

static int check(struct pull_options *o, struct arena *a, struct err *e)
{
	struct platform platform;
	if (o->timeout < 1 || o->timeout > 86400)
		return refuse(e, EINVAL, "option --timeout: %d is not from 1 to 86400 seconds",
			      o->timeout);
	if (o->quiet && o->json)
		return refuse(e, EINVAL, "option --json: not with --quiet");
	int rc = show_parse(o->json ? "json" : o->format, true, &o->how, e);
	return rc == 0 && o->platform ? platform_parse(o->platform, a, &platform, e) : rc;
}

static int run_pull(const struct call *c, struct err *e)
{
	struct pull_options o = *(const struct pull_options *)c->opts;
	struct call own = *c;
	struct store s;
	own.opts = &o;
	const char *creds = o.creds;
	if (creds && !(o.creds = arena_str(c->arena, creds)))
		return fail(e, ENOMEM, "option --creds");
	if (creds)
		blot(c->argv, creds);
	int rc = check(&o, c->arena, e);
	if (rc == 0)
		rc = subid_enter(e); /* a layer has files of all ids */
	if (rc == 0)
		rc = store_open(o.store, &s, e);
	if (rc < 0)
		return rc;
	int pulled = 0;
	for (size_t i = 0; i < c->args.n && pulled != -EINTR; i++) {
		struct err one = { 0 };
		pulled = pull_one(&own, &s, c->args.v[i], &one);
		rc = log_next(rc, pulled, &one, e);
	}
	store_close(&s);
	return rc;
}

const struct command applet_pull = {
	.name = "pull",
	.args = "IMAGE...",
	.help = "get images into the store",
	.more = "IMAGE is HOST[:PORT]/NAME[:TAG][@DIGEST], with docker:// before it or not; "
		"NAME[:TAG] alone is looked up in the first of the unqualified-search-registries "
		"of /etc/containers/registries.conf; oci:DIR[:NAME] is an OCI layout on disk, "
		"oci-archive:FILE[:NAME] one in a tar file, docker-archive:FILE[:NAME:TAG] what "
		"docker save or podman save wrote; both may be packed by gzip or zstd. The "
		"digest of each image is printed; with --json a line {\"layer\", \"state\": "
		"\"waiting\", \"running\", \"done\" or \"present\", \"bytes\", \"size\"} for "
		"each step of a layer, and {\"name\", \"digest\", \"id\", \"size\", "
		"\"layers\"} for each image, as images and load --format json have it. Plain "
		"http is spoken only to this machine's own "
		"loopback addresses. HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a proxy for "
		"others, http://[USER:PASSWORD@]HOST:PORT, and NO_PROXY what needs none: "
		"names, ends of names, addresses and networks (192.0.2.0/24). An image has its "
		"name when all of it is on the disk, which is waited for.",
	.opts = options,
	.opts_size = sizeof(struct pull_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 256,
	.failure = 1,
	.run = run_pull,
};
