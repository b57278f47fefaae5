#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Other audio parameters: of somebody who comes before anything was heard, of a
# broadcaster in mid-session, and once too often.  The stream goes on with a
# discontinuity, no unit is lost, and listeners find every init segment.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use Time::HiRes qw(time sleep);


need('ffmpeg');

my $stereo = Stentor::Media::fixture(freq => 440);
my $mono = Stentor::Media::fixture(freq => 880, rate => 44100,
                                   channels => 1);
my $low = Stentor::Media::fixture(freq => 660, rate => 22050,
                                  channels => 1, bitrate => '48k');


sub publish($node, $media = undef, %o) {
    return Stentor::RTMP->open(port => $node->port_rtmp(), %o,
                               defined $media ? (asc => $media->{asc}) : ());
}


# Sends a session's frames of a fixture for some seconds, at their pace; its
# timestamps go on.  Returns how many.

sub play($s, $media, $seconds) {
    my $step = $media->{samples} / $media->{rate};
    my $n = int($seconds / $step);
    my $t0 = time();

    for my $k (0 .. $n - 1) {
        my $wait = $t0 + ($k + 1) * $step - time();
        sleep($wait) if $wait > 0;
        $s->frame($media->{frames}[$k],
                  int($s->{clock} += 1000 * $step)) or last;
        $s->pump();
    }

    return $n;
}


# --- nothing was heard of the first one

my $node = Stentor::Node->new(workers => 1, linger => '1s');
my $silent = publish($node, $stereo);
my ($worker) = $node->worker_pids();
$node->wait_until(sub { 1 < (() = glob("/proc/$worker/task/*")) });

# his thread has opened the stream when it can be waited for in vain
my $c = $node->http();
$c->request('GET', '/live/studio1/audio.m3u8');
is($c->response()->{status}, 404, 'one who sends nothing opens nothing');

my $b = broadcaster($node, media => $mono);
my $l = listener($node, keep => 1);
ok($l->parts(45), 'another one in another format is heard');
conforms('all in his format', @{ $l->{violations} });
is($l->{init}{asc}, $mono->{asc}, 'with his init segment');
is(scalar(keys %{ $l->{inits} }), 1, 'and no other');
cmp_ok(abs($l->tone() - 880), '<', 10, 'he sounds as he should');
is($node->stream('live/studio1')->{repairs}{formats}, 0,
   'that is no change');
$b->stop();
$silent->close();
ok($node->wait_stream('live/studio1', sub ($st) {
    return $st->{state} eq 'closed';
}), 'it ends when he has been gone');

# --- in mid-session

my %where = (port => $node->port_http(), path => '/live/show');
my $witness = Stentor::Listener->fork_run(60, %where);
my $delta = Stentor::Listener->fork_run(60, %where, delta => 1);
my $s = publish($node, $stereo, name => 'show');
my @played;

for my $media ($stereo, $mono, $low, $stereo) {
    $s->config($media->{asc});
    my $n = play($s, $media, 1.5);
    push(@played, [ @{ $media->{frames} }[0 .. $n - 1] ]);
}

ok(!$s->{eof}, 'who changes his parameters is not sent away');
my $sent = map { @$_ } @played;
$node->wait_stream('live/show', sub ($st) {
    return ($st->{repairs}{live_frames} // 0) > 0.9 * $sent;
}, $Stentor::Node::PATIENCE, 'his frames are played');
my $repairs = $node->stream('live/show')->{repairs};
is($repairs->{formats}, 3, 'three changes');
is($repairs->{takeovers}, 0, 'nobody was taken over');

my $p = playlist($node, 'show');
is(scalar(grep { $_->{disc} } @{ $p->{segments} }, $p->{open}), 3,
   'three discontinuities in the playlist');
is(scalar(keys %{ { map { $_->{map} => 1 } @{ $p->{segments} }, $p->{open} } }),
   3, 'three init segments, one of them twice');

my ($frames) = heard($node, 'show');
my $whole = 0;

# a busy machine may be late with the first ones, of one change or the other;
# what has not been played when the next change comes is forgotten
for my $i (0 .. $#played) {
    my @most = @{ $played[$i] };
    @most = @most[12 .. $#most - 4];
    ok(defined find_run($frames, \@most), "section $i is heard")
        or diag(find_best($frames, \@most));
    $whole++ if grep { $_ eq $played[$i][0] } @$frames;
}

cmp_ok($whole, '>=', 3, 'from its first frame on');

$s->unpublish();
ok($node->wait_stream('live/show', sub ($st) {
    return $st->{state} eq 'closed';
}), 'it ends');

for ([ $witness, 'a listener' ], [ $delta, 'one who asks for deltas' ]) {
    my ($report, $who) = ($_->[0]->join(), $_->[1]);
    conforms("$who hears one programme", @{ $report->{violations} });
    is(scalar(grep { $_->{disc} } @{ $report->{parts} }), 3,
       'with three discontinuities');
}

# --- the network stalls, and what he sent before a change comes with it

$s = publish($node, $stereo, name => 'piece');
my ($from, $to) = (60, 67);
play($s, $stereo, ($from + 0.5) * 1024 / 48000);

my $due = time() + ($to + 1 - $from) * 1024 / 48000;
my $bytes = join('', map {
    $s->frame_bytes($stereo->{frames}[$_], int($s->{clock} += 1024 / 48))
} $from .. $to) . $s->config_bytes($mono->{asc}, int($s->{clock}));

sleep(0.01) while time() < $due;
$s->send($bytes);
play($s, $mono, 2);

$node->wait_stream('live/piece', sub ($st) {
    return $st->{repairs}{formats} == 1
           && $st->{repairs}{live_frames} > $to + 60;
}, $Stentor::Node::PATIENCE, 'both are played');
($frames) = heard($node, 'piece');

for ([ $stereo, $from - 20, $to ], [ $mono, 12, 70 ]) {
    my ($media, $first, $last) = @$_;
    my @run = @{ $media->{frames} }[$first .. $last];
    ok(defined find_run($frames, \@run), "frames $first to $last at "
       . "$media->{rate} Hz are heard") or diag(find_best($frames, \@run));
}

$s->unpublish();

# --- too often

$s = publish($node, $stereo, name => 'restless');
my @ascs = map { my $i = $_; map { Stentor::Media::asc(2, $i, $_) } 1, 2 }
           Stentor::Media::rate_index(48000) .. 7;

for my $n (0 .. 8) {
    $s->config($ascs[$n]);

    for (1 .. 20) {
        play($s, $stereo, 0.1);
        last if $s->{eof} || $n == (($node->stream('live/restless')
                                     // {})->{repairs}{formats} // -1);
    }
}

my $info = $s->on_status();
is(($info // {})->{code}, 'NetStream.Publish.Denied',
   'parameters of a ninth kind are refused');
like(($info // {})->{description}, qr/changed too often/, 'with the reason');
ok($s->wait_close(5), 'and his connection is closed');
is($node->stream('live/restless')->{repairs}{formats}, 7,
   'seven changes were taken');
ok($node->wait_stream('live/restless', sub ($st) {
    return $st->{state} eq 'closed' && !defined $st->{level};
}), 'the stream then ends like any other');

$node->done();
done_testing();
