#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The house style and the rules of who includes whom, as scripts check them.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('git');

my $top = $Stentor::Node::TOP;

for my $script (qw(check-style check-includes)) {
    my $out = `$top/scripts/$script 2>&1`;
    is($?, 0, $script) or diag($out);
}

for my $file (glob("$top/t/*.t $top/t/lib/Stentor/*.pm"),
              map { "$top/scripts/$_" }
              qw(check-style check-includes evening obs))
{
    my $out = `$^X -I$top/t/lib -c $file 2>&1`;
    is($?, 0, $file =~ s{^\Q$top\E/}{}r . ' compiles') or diag($out);
}

done_testing();
