/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Under valgrind everything takes some thirty times as long: with STENTOR_SHORT
 * in the environment, tests of hours of told time and of many encoders do less
 * of it, or are left out where others do the same for a shorter time.
 */

#ifndef SHORT_UTIL_H
#define SHORT_UTIL_H

#include <stdlib.h>


static inline int
is_short(void)
{
    return getenv("STENTOR_SHORT") != NULL;
}


/* At the beginning of a test. */

#define leave_out_if_short()                                                  \
    do {                                                                      \
        if (is_short()) {                                                     \
            print_message("# %s is left out\n", __func__);                    \
            return;                                                           \
        }                                                                     \
    } while (0)


#endif /* SHORT_UTIL_H */
