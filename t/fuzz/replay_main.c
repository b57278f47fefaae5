/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Runs a fuzz target over the files and directories given as arguments: for
 * compilers without libFuzzer, and for make test.  Prints TAP, one line for
 * each argument; a target that fails aborts.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>


/* The longest input that is run. */
#define REPLAY_MAX  (1024 * 1024)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static int
replay_file(const char *path)
{
    FILE     *f;
    size_t    n;
    uint8_t  *data, *exact;

    f = fopen(path, "rb");
    data = malloc(REPLAY_MAX);

    if (f == NULL || data == NULL) {
        perror(path);
        exit(2);
    }

    n = fread(data, 1, REPLAY_MAX, f);
    fclose(f);

    /* no byte more than there is, so that sanitizers see the end */

    exact = realloc(data, n ? n : 1);
    (void) LLVMFuzzerTestOneInput(exact ? exact : data, n);
    free(exact ? exact : data);

    return 1;
}


static int
replay(const char *path)
{
    int             n;
    DIR            *d;
    char            name[4096];
    struct stat     st;
    struct dirent  *e;

    if (stat(path, &st) != 0) {
        perror(path);
        exit(2);
    }

    if (!S_ISDIR(st.st_mode)) {
        return replay_file(path);
    }

    d = opendir(path);
    if (d == NULL) {
        perror(path);
        exit(2);
    }

    for (n = 0; (e = readdir(d)) != NULL; ) {
        if (e->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
            n += replay(name);
        }
    }

    closedir(d);

    return n;
}


int
main(int argc, char **argv)
{
    int  i, n;

    printf("1..%d\n", argc - 1);

    for (i = 1; i < argc; i++) {
        n = replay(argv[i]);
        printf("%s %d - %s: %d inputs\n", n ? "ok" : "not ok", i, argv[i], n);
    }

    return 0;
}
