/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Preloaded into nginx by tests: a disk that does not answer.  As long as the
 * file that SLOW_DISK names exists, fdatasync() does not return.
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define SLOW_DISK_LOOK_US  20000


static const char  *slow_path;


static void slow_init(void) __attribute__((constructor));


/* Before nginx takes its environment away. */

static void
slow_init(void)
{
    slow_path = getenv("SLOW_DISK");

    if (slow_path) {
        slow_path = strdup(slow_path);
    }
}


int
fdatasync(int fd)
{
    static int  (*next)(int fd);

    if (next == NULL) {
        next = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    }

    while (slow_path && access(slow_path, F_OK) == 0) {
        usleep(SLOW_DISK_LOOK_US);
    }

    return next(fd);
}
