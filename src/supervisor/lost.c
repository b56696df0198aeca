#include "supervisor/lost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "supervisor/dead_target.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

/* What takes rights away; a time of access is nobody's of a read-only tree. */
static const struct {
	const char *name;
	uint64_t attribute;
} options[] = {
	{ "ro", MOUNT_ATTR_RDONLY },
	{ "nosuid", MOUNT_ATTR_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV },
	{ "noexec", MOUNT_ATTR_NOEXEC },
};

static uint64_t
attributes_of(const char *text)
{
	uint64_t all = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		for (size_t i = 0; i < sizeof options / sizeof *options; i++)
			if (strlen(options[i].name) == n &&
			    memcmp(options[i].name, text, n) == 0)
				all |= options[i].attribute;
		text += n + (text[n] == ',');
	}
	return all;
}

void
lost_add(
    struct list *all, const char *target, const char *text, const char *overlay)
{
	struct lost *l = calloc(1, sizeof *l);

	if (l == NULL || (l->target = strdup(target)) == NULL) {
		free(l);
		log_warn("%s: not mounted again: %s", target, strerror(ENOMEM));
		return;
	}
	l->folder = -1;
	l->attributes = attributes_of(text);
	if (overlay != NULL)
		snprintf(l->overlay, sizeof l->overlay, "%s", overlay);
	list_push_back(all, &l->link);
}

void
lost_open_folders(struct list *all, struct grace *g)
{
	list_for_each_safe(k, all) {
		struct lost *l = list_entry(k, struct lost, link);
		struct err e;

		l->folder = dead_target_open(l->target, g, &e);
		if (l->folder >= 0)
			continue;
		log_warn("not mounted again: %s", e.msg);
		lost_drop(l);
	}
}

struct lost *
lost_find(struct list *all, const char *target, const char *overlay)
{
	list_for_each(k, all) {
		struct lost *l = list_entry(k, struct lost, link);

		if (strcmp(l->target, target) == 0 &&
		    strcmp(l->overlay, overlay) == 0)
			return l;
	}
	return NULL;
}

struct lost *
lost_find_overlay(struct list *all, const char *id)
{
	list_for_each(k, all) {
		struct lost *l = list_entry(k, struct lost, link);

		if (strcmp(l->overlay, id) == 0)
			return l;
	}
	return NULL;
}

void
lost_drop(struct lost *l)
{
	list_remove(&l->link);
	cleanup_close(&l->folder);
	free(l->target);
	free(l);
}

void
lost_drop_with_overlay(struct list *all, struct lost *l)
{
	char id[AGENT_ID_MAX + 1];

	memcpy(id, l->overlay, sizeof id);
	lost_drop(l);
	while (id[0] != '\0' && (l = lost_find_overlay(all, id)) != NULL)
		lost_drop(l);
}

void
lost_drop_all(struct list *all)
{
	while (!list_is_empty(all))
		lost_drop(list_entry(all->next, struct lost, link));
}

int
lost_put_back(int mount, int folder, uint64_t attributes, struct err *e)
{
	struct mount_attr set = { .attr_set = attributes };

	if (attributes != 0 &&
	    mount_setattr(mount, "", AT_EMPTY_PATH, &set, sizeof set) != 0)
		return err_sys(e, "set the mount's options");
	if (move_mount(mount, "", folder, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
		return err_sys(e, "put the mount in place");
	return 0;
}
