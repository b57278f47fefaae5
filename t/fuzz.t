#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Every fuzz target over its corpus, under AddressSanitizer and UBSan: an
# input that once broke a parser must never do it again.

use v5.36;

use Test::More;

use FindBin;


my $top = "$FindBin::Bin/..";

for my $source (glob("$FindBin::Bin/fuzz/fuzz_*.c")) {
    my ($target) = $source =~ m{fuzz_(\w+)\.c$};
    my $program = "$top/build/asan/fuzz/fuzz_$target";

    if (!-x $program) {
        fail("$program is not there: run make units");
        next;
    }

    my $said = `$program $FindBin::Bin/fuzz/corpus/$target 2>&1`;
    is($?, 0, "$target: its corpus") or diag($said);
}

done_testing();
