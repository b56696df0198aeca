/* The operations that have files of their own, for the table in ops.c. */
#ifndef DAEMON_OPS_H
#define DAEMON_OPS_H

#include "daemon/control.h"

/* op_mount.c */
int op_mount(struct request *r, struct doc *result, struct err *e);
int op_attached(struct request *r, struct doc *result, struct err *e);
int op_unmount(struct request *r, struct doc *result, struct err *e);

/* op_explain.c */
int op_explain(struct request *r, struct doc *result, struct err *e);

/* op_keep.c */
int op_pin(struct request *r, struct doc *result, struct err *e);
int op_unpin(struct request *r, struct doc *result, struct err *e);
int op_prune(struct request *r, struct doc *result, struct err *e);

/* op_verify.c */
int op_verify(struct request *r, struct doc *result, struct err *e);

/* op_top.c */
int op_top(struct request *r, struct doc *result, struct err *e);

/* op_look.c */
int op_ls(struct request *r, struct doc *result, struct err *e);
int op_images(struct request *r, struct doc *result, struct err *e);
int op_stat(struct request *r, struct doc *result, struct err *e);
int op_inspect(struct request *r, struct doc *result, struct err *e);

/* op_profile.c */
int op_profile_show(struct request *r, struct doc *result, struct err *e);
int op_profile_export(struct request *r, struct doc *result, struct err *e);
int op_profile_import(struct request *r, struct doc *result, struct err *e);
int op_profile_record(struct request *r, struct doc *result, struct err *e);
int op_profile_rm(struct request *r, struct doc *result, struct err *e);

/* op_publish.c */
int op_index(struct request *r, struct doc *result, struct err *e);
int op_profile_push(struct request *r, struct doc *result, struct err *e);

#endif
