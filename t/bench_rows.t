#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# That every row of the benchmarks still works: small and short, so that its
# figures say nothing; what it found wrong, it says.

use v5.36;

use JSON::PP ();
use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('gcc', 'openssl', 'taskset', 'h2load');

plan(skip_all => 'the benchmarks are for the module as it is built')
    if $ENV{STENTOR_ASAN};

my $bench = "$Stentor::Node::TOP/t/bench/bench";

my @names = map { /^(\S+)/ } `$bench --list`;
cmp_ok(scalar(@names), '>', 20, 'there are rows');

my $said = join(' ', map { "--row $_" } @names);
my $json = `$bench --quick --json $said`;
is($?, 0, 'a quick run of all of them') or diag($json);

my %row = map { $_->{name} => $_ }
          @{ (eval { JSON::PP::decode_json($json) } // {})->{rows} // [] };

for my $name (@names) {
    my $r = $row{$name} // {};

    ok(defined $r->{figure} && !@{ $r->{failed} }, "$name has a figure")
        or diag(map { "$_\n" } @{ $r->{failed} // [] });
}

done_testing();
