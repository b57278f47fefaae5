/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Answers fault points (fault.h) in all processes of an nginx.  They share a
 * file, named by STENTOR_FAULT, with a table of the points that were come by
 * so far, and the one that is to fail, which the test writes there:
 *
 *     head:  magic, points, point that fails (-1: none), from which hit on
 *            and up to which, as of the time that it was said
 *     point: name "file:line function call", hits, failures
 *
 * A point is entered at its first hit, under a spin lock in the file.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


#define FAULT_MAGIC   0x464c5431    /* FLT1 */
#define FAULT_POINTS  4096
#define FAULT_NAME    144


typedef struct {
    char      name[FAULT_NAME];
    uint64_t  hits;
    uint64_t  failures;
} fault_point_t;


typedef struct {
    uint32_t       magic;
    uint32_t       lock;
    uint32_t       npoints;
    int32_t        target;
    uint64_t       from;
    uint64_t       to;
    fault_point_t  points[FAULT_POINTS];
} fault_table_t;


/* as in fault.h */

typedef struct {
    int          id;
    int          line;
    const char  *file;
    const char  *function;
} stentor_fault_t;


static fault_table_t  *fault_table;


int stentor_fault(stentor_fault_t *place, const char *call);
static int fault_find(const stentor_fault_t *place, const char *call);


/* Before nginx clears its environment. */

__attribute__((constructor))
static void
fault_start(void)
{
    int          fd;
    void        *p;
    const char  *path;

    path = getenv("STENTOR_FAULT");
    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDWR|O_CLOEXEC);
    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(fault_table_t), PROT_READ|PROT_WRITE, MAP_SHARED,
             fd, 0);
    close(fd);

    if (p != MAP_FAILED && ((fault_table_t *) p)->magic == FAULT_MAGIC) {
        fault_table = p;
    }
}


int
stentor_fault(stentor_fault_t *place, const char *call)
{
    int             i;
    uint64_t        hit;
    fault_point_t  *point;

    if (fault_table == NULL) {
        return 0;
    }

    i = __atomic_load_n(&place->id, __ATOMIC_RELAXED);

    if (i == -1) {
        i = fault_find(place, call);
        __atomic_store_n(&place->id, i, __ATOMIC_RELAXED);
    }

    point = &fault_table->points[i];
    hit = __atomic_add_fetch(&point->hits, 1, __ATOMIC_SEQ_CST);

    if (__atomic_load_n(&fault_table->target, __ATOMIC_SEQ_CST) != i
        || hit < fault_table->from || hit > fault_table->to)
    {
        return 0;
    }

    __atomic_add_fetch(&point->failures, 1, __ATOMIC_SEQ_CST);
    errno = ENOMEM;

    return 1;
}


static int
fault_find(const stentor_fault_t *place, const char *call)
{
    char         name[FAULT_NAME];
    uint32_t     i;
    const char  *base;

    base = strrchr(place->file, '/');
    snprintf(name, sizeof(name), "%s:%d %s %s", base ? base + 1 : place->file,
             place->line, place->function, call);

    while (__atomic_exchange_n(&fault_table->lock, 1, __ATOMIC_ACQUIRE)) {
        usleep(10);
    }

    for (i = 0; i < fault_table->npoints; i++) {
        if (strcmp(fault_table->points[i].name, name) == 0) {
            break;
        }
    }

    if (i == fault_table->npoints && i < FAULT_POINTS - 1) {
        memcpy(fault_table->points[i].name, name, sizeof(name));
        __atomic_store_n(&fault_table->npoints, i + 1, __ATOMIC_RELEASE);
    }

    __atomic_store_n(&fault_table->lock, 0, __ATOMIC_RELEASE);

    return (int) i;
}
