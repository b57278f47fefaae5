#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# As many formats as may be in what is still served: the next one is refused
# with its reason, whoever has the stream keeps it, and it goes on.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;

use File::Temp ();


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture();

# the frames need not fit: they are passed through as they are
my @RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 96000,
             88200);

sub asc($rate) {
    return Stentor::Media::asc(2, Stentor::Media::rate_index($rate), 2);
}


my $node = Stentor::Node->new(window => '7200ms', linger => '30s',
                              reuseport => 1);


# Sends so many frames at a rate, and waits until some are heard.

sub says($s, $rate, $formats) {
    my $before = $node->stream('live/studio1');
    my $frames = $before ? $before->{repairs}{live_frames} : 0;

    $s->config(asc($rate), $s->{at} // 0);
    $s->frames($media->{frames}, 0, 2 * $rate / 1024, rate => $rate,
               ts => $s->{at} // 0);
    $s->{at} += 2000;

    return $node->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{repairs}{formats} == $formats
               && $st->{repairs}{live_frames} > $frames;
    }, $Stentor::Node::PATIENCE, "$rate Hz");
}


my $s = Stentor::RTMP->open(port => $node->port_rtmp());
says($s, $RATES[0], 0);
my $player = Stentor::Player->start(port => $node->port_http(), dir => "$dir",
    playlist => '/live/studio1/audio.m3u8');

for my $n (1 .. 7) {
    ok(says($s, $RATES[$n], $n), "format $n: $RATES[$n] Hz");
}

my $st = $node->stream('live/studio1');
is($st->{repairs}{formats}, 7, 'eight formats');
is($st->{renditions}[0]{rate}, $RATES[7], 'the last one is in force');

# --- one too many, in the middle of a session

$s->config(asc($RATES[8]), $s->{at});
my $told = $s->on_status() // {};
is($told->{code}, 'NetStream.Publish.Denied', 'the ninth is refused');
like($told->{description} // '', qr/changed too often/, 'with the reason');
ok($s->wait_close(5), 'and he is sent away');

# --- who has the stream keeps it

my $kept = { %$media, asc => asc($RATES[7]), rate => $RATES[7] };
my $b = broadcaster($node, media => $kept);
is($node->stream('live/studio1')->{repairs}{formats}, 7,
   'the last format again');

# from either worker
for my $try (1 .. 6) {
    my $other = Stentor::RTMP->open(port => $node->port_rtmp(),
                                    asc => asc($RATES[9]));
    $other->frames($media->{frames}, 0, 3, rate => $RATES[9]);
    like(($other->on_status() // {})->{description} // '',
         qr/changed too often/, "try $try: another one is refused");
    $other->close();
}

my $parts = $node->stream('live/studio1')->{parts};
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $parts + 3 });
ok(!$b->closed(0.01), 'who is on the air is not disturbed');
is($node->stream('live/studio1')->{state}, 'live', 'and is heard');

# one that the window still has is none too many
my $next = Stentor::Broadcaster->start(port => $node->port_rtmp(),
    media => { %$media, asc => asc($RATES[6]), rate => $RATES[6] });
ok($node->wait_stream('live/studio1', sub ($st) {
    return $st->{repairs}{formats} == 8;
}), 'one that is in the window comes again');
ok($b->closed(5), 'and has the stream');

# --- once the oldest are gone there is room

ok($node->wait_until(sub {
    my $r = Stentor::RTMP->open(port => $node->port_rtmp(),
                                asc => asc($RATES[8]));
    $r->frames($media->{frames}, 0, 100, rate => $RATES[8]);
    my $info = $r->on_status(0.5);
    $r->close();
    return !$info || $info->{description} !~ /too often/;
}, 3 * $Stentor::Node::PATIENCE), 'later there is room again');

my $last = $node->wait_stream('live/studio1', sub ($st) {
    return $st->{repairs}{formats} == 9;
}) ? $node->stream('live/studio1')->{parts} : 0;
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $last + 3 });

my $heard = $player->join(0);
conforms('one programme through all of it', @{ $heard->{violations} });
is(scalar(@{ $heard->{discontinuities} }),
   $node->stream('live/studio1')->{repairs}{formats},
   'a discontinuity for each change');

$node->done('TERM');
done_testing();
