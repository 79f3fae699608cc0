/* obtain.c - the image that is to be run, out of the store or into it first. */
#include "monitor/obtain.h"
#include "base/log.h"
#include "image/progress.h"
#include "image/pull.h"

#include <string.h>
#include <unistd.h>

/* Gets the image into the store and opens it there: that one, whoever else pulls. */
static int fetch(const struct store *s, const char *text, const struct run_options *o,
		 struct arena *keep, struct image **out, struct err *e)
{
	struct image im;
	struct progress progress = { .fd = o->quiet ? -1 : STDERR_FILENO, .news = !o->pull };
	auto_arena *a = arena_new(ARENA_IMAGE);
	struct platform platform;
	const struct pull_request q = { .text = text,
					.platform = o->platform ? &platform : NULL,
					.signers = o->signers,
					.origin.authfile = o->authfile,
					.origin.insecure = !o->tls_verify,
					.progress = progress_layer,
					.arg = &progress };
	int rc = a ? 0 : fail(e, ENOMEM, "pull %s", text);
	if (rc == 0 && o->platform)
		rc = platform_parse(o->platform, a, &platform, e);
	if (rc == 0)
		rc = pull(s, &q, a, &im, e);
	progress_end(&progress);
	if (rc < 0)
		return rc;
	rc = image_open(s, im.name, keep, out, e);
	if (rc == 0 && strcmp((*out)->descriptor.digest, im.descriptor.digest) != 0)
		rc = refuse(e, EAGAIN, "image %.200s was replaced while it was pulled", im.name);
	return rc;
}

/* Whether an image of the store is for the platform that --platform says. */
static int check_platform(const struct run_options *o, const struct image *im, struct arena *a,
			  struct err *e)
{
	const struct image_config *c = &im->config;
	struct platform p = { 0 };
	int rc = o->platform ? platform_parse(o->platform, a, &p, e) : 0;
	const struct platform have = { c->architecture, c->os, c->variant };
	if (rc < 0 || !o->platform || !c->os || !c->architecture || platform_fit(&have, &p))
		return rc;
	const char *variant = c->variant ? c->variant : "";
	return refuse(e, ENOENT, "image %s of the store is for %.20s/%.20s%s%.20s, not %s",
		      im->name, c->os, c->architecture, *variant ? "/" : "", variant, o->platform);
}

/* --os, --arch and --variant are --platform in pieces: those that are missing are this machine's.
 */
static int join_platform(struct run_options *o, struct arena *a, struct err *e)
{
	const struct platform here = platform_here();
	if (!o->os && !o->arch && !o->variant)
		return 0;
	if (o->platform)
		return refuse(e, EINVAL,
			      "option --platform: it is --os, --arch and --variant in one: give "
			      "either");
	o->platform = arena_printf(a, "%s/%s%s%s", o->os ? o->os : here.os,
				   o->arch ? o->arch : here.architecture, o->variant ? "/" : "",
				   o->variant ? o->variant : "");
	return o->platform ? 0 : fail(e, E2BIG, "option --arch");
}

/* What the registry has, or where that cannot be told what is here. */
static int fetch_newer(const struct store *s, const char *text, const struct run_options *o,
		       struct arena *a, struct image **out, struct err *e)
{
	struct err none = { 0 };
	int rc = fetch(s, text, o, a, out, e);
	if (rc == 0 || rc == -EINTR || image_open(s, text, a, out, &none) < 0)
		return rc;
	rc = check_platform(o, *out, a, &none);
	if (rc < 0)
		return -e->code;
	log_warn("%s; the image that is here is used", e->msg);
	*e = none;
	return 0;
}

static int obtain_as(const struct store *s, const char *text, const struct run_options *o,
		     struct arena *a, struct image **out, struct err *e)
{
	/* Of what is in the store nobody knows who signed it. */
	const char *when = o->pull ? o->pull : o->signers.keys.n ? "always" : "missing";
	bool always = !strcmp(when, "always"), newer = !strcmp(when, "newer"),
	     missing = !strcmp(when, "missing");
	if (!always && !newer && !missing && strcmp(when, "never"))
		return refuse(e, EINVAL,
			      "option --pull: '%s' is neither missing, always, newer nor never",
			      when);
	if (o->signers.name && !o->signers.keys.n)
		return refuse(e, EINVAL, "option --verify-name: only with --verify-key");
	/* What is on disk is meant as it is now, and not what has its name in the store. */
	struct ref r;
	if (missing && ref_parse(text, a, &r, &(struct err){ 0 }) == 0 && ref_is_place(&r))
		always = true;
	if (!always && o->signers.keys.n)
		return refuse(e, EINVAL, "option --verify-key: only with --pull always");
	if (newer)
		return fetch_newer(s, text, o, a, out, e);
	int rc = always ? -ENOENT : image_open(s, text, a, out, e);
	if (rc == 0)
		rc = check_platform(o, *out, a, e);
	if (rc != -ENOENT || !strcmp(when, "never"))
		return rc;
	*e = (struct err){ 0 };
	return fetch(s, text, o, a, out, e);
}

int obtain(const struct store *s, const char *text, const struct run_options *o, struct arena *a,
	   struct image **out, struct err *e)
{
	struct run_options own = *o;
	int rc = join_platform(&own, a, e);
	return rc < 0 ? rc : obtain_as(s, text, &own, a, out, e);
}

int obtain_explain(const struct image *im, int rc, struct err *e)
{
	const struct image_config *c = &im->config;
	const struct platform here = platform_here();
	if (rc != -ENOEXEC || !c->architecture || !c->os ||
	    platform_fit(&(struct platform){ c->architecture, c->os, NULL }, &here))
		return rc;
	const struct err first = *e;
	refuse(e, ENOEXEC, "%.700s; the image is for %.40s/%.40s, this machine is %s/%s", first.msg,
	       c->os, c->architecture, here.os, here.architecture);
	e->status = first.status;
	return rc;
}
