#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A cluster under listeners who check every part, and keep three seconds from
# the end: whoever of it dies (Redis, a shield, the worker that pulls, the
# origin), they hear every part, once, and are never told that there is none.
# t/bench/chaos does more of it, and measures.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Chaos;
use Stentor::Kit;


need('redis-server', 'cc');

# who is short of time has a machine that is slow, too
my $HOLD_BACK = $ENV{STENTOR_ASAN} ? 6 : 3;

my $chaos = Stentor::Chaos->new(
    listeners => 30, hold_back => $HOLD_BACK,
    cluster => { part_duration => '200ms' });

for my $name (qw(puller shield redis origin)) {
    my $r = $chaos->fault($name);

    is_deeply($r->{failed}, [], "$name: somebody else takes over");
    is($r->{wrong}, 0, "$name: every part once, and the same everywhere");
    is($r->{errors}{404}, 0, "$name: no answer 404");
    is($r->{stalls}, 0, "$name: nobody hears it")
        or diag("longest $r->{stall_ms} ms, longest gap $r->{gap_ms} ms");
    cmp_ok($r->{parts}, '>', 0, "$name: there are listeners");
}

my $all = $chaos->end();

is($all->{playing}, $all->{all}, 'all listeners are there');
is($all->{compared}, $all->{parts}, 'all parts were compared');
is_deeply($chaos->cluster()->redis()->ask('ACL', 'LOG'), [],
          "nodes do nothing that Redis's example does not let them");

$chaos->cluster()->done();
done_testing();
