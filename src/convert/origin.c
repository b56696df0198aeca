#include "convert/origin.h"

#include <fcntl.h>
#include <unistd.h>

#include "convert/convert.h"
#include "registry/reference.h"
#include "registry/source.h"
#include "base/err.h"
#include "base/fs.h"

static int
open_layout(struct origin *o, const struct reference *ref, struct err *e)
{
	AUTO_CLOSE int dir = -1;

	o->layout = fs_open_dir(AT_FDCWD, ref->repository, e);
	if (o->layout < 0)
		return -1;
	dir = fcntl(o->layout, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return err_sys(e, "%s", ref->name);
	o->of.layout = o->layout;
	o->of.source = source_new_layout(dir, ref->name, e);
	if (o->of.source != NULL)
		take_fd(&dir);
	return o->of.source == NULL ? -1 : 0;
}

int
origin_open(struct origin *o, const struct conversion *c, struct err *e)
{
	*o = (struct origin){
		.of = {
			.registry = c->registry,
			.reference = c->from,
			.platform = c->platform,
			.layout = -1,
		},
		.layout = -1,
	};
	if (c->from->is_layout)
		return open_layout(o, c->from, e);
	o->of.source = source_new_registry(
	    c->registry, c->from->host, c->from->repository, e);
	return o->of.source == NULL ? -1 : 0;
}

void
origin_close(struct origin *o)
{
	if (o->of.source != NULL)
		source_unref(o->of.source);
	if (o->layout >= 0)
		close(o->layout);
}
