#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# scripts/soak can fail: series that grow are told from those that do not, and
# what a process has open is counted.  Then it runs for half a minute, which
# is too short for what grows slowly: nobody may leave anything behind when all
# have gone, and the logs are clean.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();
use JSON::PP ();
use POSIX ();

use Stentor::Gauge;
use Stentor::Kit;
use Stentor::Steady;


use constant {
    HOUR => 60,
    MASTER => 8000,                    # kB
};


# A sample a minute.

sub series($value) { return [ map { [ $_, $value->($_) ] } 1 .. HOUR ] }


# The same each time, between -1 and 1.

sub noise($n) { return ($n * 7919 % 1000) / 500 - 1 }


sub judged($value, %o) {
    return Stentor::Steady::judge(series($value), length => HOUR, %o);
}


# --- what does not grow

my %flat = (
    'one that does not change' => sub ($m) { MASTER },
    'noise of 1%' => sub ($m) { MASTER * (1 + noise($m) / 100) },
    'a sawtooth' => sub ($m) { MASTER + $m % 7 * 100 },
    'one that warms up' => sub ($m) { MASTER * (1 - exp(-$m / 3)) },
    'one that falls' => sub ($m) { MASTER - 20 * $m },
    'three outliers' => sub ($m) { $m % 20 == 19 ? 5 * MASTER : MASTER },
);

for my $what (sort keys %flat) {
    my $r = judged($flat{$what}, percent => 2);
    ok($r->{ok}, "flat: $what") or diag(explain($r));
}

# --- what does

my %grows = (
    '4 kB with each reload' => sub ($m) { MASTER + 4 * $m },
    'the same in noise' => sub ($m) { MASTER + 4 * $m + 60 * noise($m) },
    'the same on a sawtooth' => sub ($m) { MASTER + 4 * $m + $m % 7 * 20 },
    'a step near the end' => sub ($m) { MASTER + ($m > 45 ? 300 : 0) },
    '60 kB every ten minutes' => sub ($m) { MASTER + 60 * int($m / 10) },
);

for my $what (sort keys %grows) {
    my $r = judged($grows{$what}, slack => 128);
    ok(!$r->{ok}, "grows: $what") or diag(explain($r));
}

my $r = judged($grows{'4 kB with each reload'});
cmp_ok(abs($r->{growth} - 4 * HOUR), '<', 1, 'by so much in an hour');

# --- limits

ok(!judged(sub ($m) { 10 + int($m / 20) })->{ok}, 'a descriptor counts');
ok(judged(sub ($m) { 10 + int($m / 20) }, slack => 4)->{ok}, 'unless it may');
ok(judged(sub ($m) { 1000 + $m }, percent => 7)->{ok}, '6% of 7%');
ok(!judged(sub ($m) { 1000 + $m }, percent => 5)->{ok}, '6% of 5%');
ok(judged(sub ($m) { MASTER + 4 * $m }, slack => 128, spared => 240)->{ok},
   'what the twin grows by is spared');
ok(!judged(sub ($m) { MASTER + 4 * $m }, slack => 128, spared => -240)->{ok},
   'what it shrinks by is not asked for');

is(Stentor::Steady::judge([ map { [ $_, 1 ] } 1 .. 5 ], length => 5)->{ok},
   undef, 'five samples say nothing');
ok(defined Stentor::Steady::judge([ map { [ $_, $_ == 3 ? undef : 1 ] }
                                    1 .. HOUR ], length => HOUR)->{ok},
   'one that is missing is left out');

# --- what is measured

my $before = Stentor::Gauge::process($$);
pipe(my $out, my $in) or die "pipe: $!\n";
socket(my $s, Socket::PF_INET(), Socket::SOCK_STREAM(), 0) or die "$!\n";
my $memory = join('', map { chr(65 + $_ % 26) } 1 .. 4 << 20);
my $after = Stentor::Gauge::process($$);

is($after->{files} - $before->{files}, 2, 'a pipe has two descriptors');
is($after->{sockets} - $before->{sockets}, 1, 'a socket is told apart');
cmp_ok($after->{own} - $before->{own}, '>', length($memory) / 1024 - 64,
       'memory of its own is seen');
is(Stentor::Gauge::process(0), undef, 'a process that is gone');

# --- the tool

need(qw(ffmpeg redis-server openssl));

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $soak = "$FindBin::Bin/../scripts/soak --minutes 0.5 --quiet";
my $said = `$^X $soak --json $dir/json 2>&1`;
my $status = $? >> 8;
my $json = eval {
    JSON::PP::decode_json(Stentor::Node::slurp("$dir/json"));
} // { verdicts => [], rows => [] };

is($status, 0, 'half a minute of everything') or diag($said);
ok(!defined $_->{ok} || $_->{ok}, $_->{what}) or diag($_->{text})
    for @{ $json->{verdicts} };

cmp_ok(scalar(grep { defined $_->{ok} } @{ $json->{verdicts} }), '>', 30,
       'much is judged');
cmp_ok(scalar(@{ $json->{rows} }), '>', 3, 'there are samples');
cmp_ok($json->{did}{$_} // 0, '>', 0, "there was: $_")
    for qw(reload lose scrape control storm);
cmp_ok($json->{came}{$_} // 0, '>', 0, "somebody came by $_")
    for qw(rtmp srt ladder);

done_testing();
