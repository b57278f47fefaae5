#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# SRT over a bad network: 5% of the packets lost each way, 120 ms there and
# back with 50 ms of jitter, packets that overtake others.  At a latency of a
# second libsrt repairs all of it: every frame that was sent is served, in its
# order, and nothing else.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::UdpProxy;


need('ffmpeg');

use constant {
    SECONDS => 25,
    LATENCY_MS => 1000,
};

# noise: no frame is like another
my $media = Stentor::Media::fixture(name => 'noise', seconds => SECONDS,
    source => 'anoisesrc=a=0.1:r=48000:seed=7');
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# what ffmpeg is to send: those very frames
system(qw(ffmpeg -nostdin -loglevel error -y -f aac -i),
       glob("$Stentor::Node::TOP/build/t/noise-48000-2-"
            . SECONDS . '-128k.aac'),
       qw(-c copy), "$dir/noise.m4a") == 0 or die "no noise.m4a: $?\n";

my $node = Stentor::Node->new(window => (SECONDS + 15) . 's', linger => '60s',
                              srt => ['']);
my $proxy = Stentor::UdpProxy->new(port => $node->port_srt(), loss => 5,
    delay => 120, jitter => 50, reorder => 2, reorder_by => 20);

my $encoder = Stentor::Encoder->start(
    file => "$dir/noise.m4a", format => 'mpegts', log => "$dir/log",
    url => 'srt://127.0.0.1:' . $proxy->port(),
    options => ['-srt_streamid', '#!::r=live/studio1,m=publish', '-latency',
                1000 * LATENCY_MS]);

$node->wait_stream('live/studio1', sub ($st) {
    return $st && $st->{state} eq 'live' && $st->{session};
}, 2 * $Stentor::Node::PATIENCE, 'he is on the air')
    or diag(Stentor::Node::slurp("$dir/log"));

my $listener = listener($node, keep => 1);
my $session;

# what the status says of him last is of his last second
$listener->run(sub ($l) {
    my $st = $node->stream('live/studio1');
    $session = $st->{session} if $st->{session};
    return $st->{state} eq 'hold' && $encoder->gone();
}, SECONDS + 15);

ok($node->wait_until(sub { $encoder->gone() }), 'he has sent all of it');
my $sent = $proxy->stop();
my $srt = $session->{srt};

note(sprintf('%s: %d of %d lost, %d reordered', $_,
             @{ $sent->{$_} }{qw(lost packets reordered)})) for qw(up down);
note(join(', ', map { "$_ $srt->{$_}" } sort keys %$srt));

cmp_ok($sent->{up}{lost}, '>', 20, 'the proxy lost packets');
cmp_ok($sent->{down}{lost}, '>', 5, 'in both directions');
cmp_ok($sent->{up}{reordered}, '>', 20, 'and packets overtook others');

is($srt->{latency_ms}, LATENCY_MS, 'the latency he asked for');
cmp_ok($srt->{lost}, '>', 20, 'status: what was lost');
cmp_ok($srt->{retransmitted}, '>', 20, 'status: what was sent again');
is($srt->{dropped}, 0, 'status: nothing was given up');
cmp_ok($srt->{rtt_ms}, '>', 200, 'status: the way there and back');

my $repairs = $node->stream('live/studio1')->{repairs};
is("@$repairs{qw(gaps_filled resyncs stale_dropped broken)}", '0 0 0 0',
   'nothing was repaired');

# ffmpeg hangs up with the last second still on its way
my $heard = $listener->frames();
my @frames = @{ $media->{frames} };
my $at = find_run($heard, [ @frames[0 .. 50] ]);

ok(defined $at, 'his first frames are heard')
    or diag(find_best($heard, \@frames));

my $n = 0;
$n++ while defined $at && $n < @frames && $at + $n < @$heard
           && $heard->[$at + $n] eq $frames[$n];
note("$n of " . scalar(@frames) . ' frames');
cmp_ok($n, '>=', (SECONDS - 3) * 48000 / 1024,
       'and all that follow, in their order');

conforms('a listener: one programme', @{ $listener->{violations} });
$node->done('TERM');
done_testing();
