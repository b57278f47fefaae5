#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A machine with so much to do that a live thread stands still for seconds, and
# is ahead of the event loop when it goes on: the broadcaster, who was not read
# from any more for want of room, is read from and heard again.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need(qw(ffmpeg cc));

# What a live thread lets wait, in bytes; it is full in ten seconds.
my $QUEUE = 256 * 1024;

my ($node, $b) = on_air(workers => 1, slow_loop => 300, window => '8s',
    stream_server => 'stentor_rtmp_media_timeout 60s;',
    broadcaster => { media => Stentor::Media::fixture(bitrate => '512k') });
my $name = 'live/studio1';

sub received() { return $node->status()->{ingest}{bytes} }


Stentor::Node::spew("$node->{dir}/slow", '');

# what is between him and the node is full as well when nothing comes any more
my $from = received();
my ($last, $same) = (0, 0);

ok($node->wait_until(sub {
    my $now = received();
    $same = $now == $last ? $same + 1 : 0;
    $last = $now;
    select(undef, undef, undef, 0.2);
    return $now > $from + $QUEUE / 2 && $same > 5;
}, 40), 'he is read from no more');

my $heard = $node->stream($name)->{repairs}{live_frames};
unlink("$node->{dir}/slow");

ok($node->wait_stream($name, sub ($st) {
    return $st && $st->{state} eq 'live'
           && $st->{repairs}{live_frames} > $heard + 100;
}, 30, 'he is heard again'), 'he is heard again');
cmp_ok(received(), '>', $last, 'and read from');

$b->stop();
$node->done('TERM');
done_testing();
