#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A stream of another node that there is no room for is refused, and those that
# run do not notice; nor does one that comes from another node notice who
# publishes it here.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Tier;


need('ffmpeg');

my $NO_ROOM = qr/cannot be had from another node: the zone is full/;

my $media = Stentor::Media::fixture(freq => 880);
my $origin = origin(zone => '64m');
my $b = broadcaster($origin);
my $large = origin(id => 'origin-2', zone => '128m', window => '60s',
                   application => 'max_bitrate 2m;');
my $other = broadcaster($large, name => 'large');
my $edge = pulls_from([$origin, $large], zone => '10m', expected => $NO_ROOM,
                      location => 'stentor_hls_pending time=1s;');

# --- full

my $l = listener($edge);
ok($l->parts(5), 'a stream that there is room for');

for my $n (1 .. 3) {
    isnt($edge->get('/live/large/audio.m3u8')->{status}, 200,
         "$n: one that there is none for");
}

is(scalar(() = $edge->log() =~ /$NO_ROOM/g), 1, 'is told of once');
cmp_ok($large->status()->{relay}{requests}, '<=', 2,
       'and not asked for over and over');
is($edge->stream('live/large'), undef, 'and leaves nothing behind');
ok($l->parts(5), 'who listens to the other');
conforms('notices nothing', @{ $l->{violations} });
is($edge->status()->{relay}{pulls}, 1, 'one pull');

# --- published here, too

my $mine = Stentor::Broadcaster->start(port => $edge->port_rtmp(),
                                       media => $media);
ok($edge->wait_until(sub { $edge->log() =~ /this one stands by/ }),
   'who publishes a stream here that comes from another node stands by');
ok($l->parts(10), 'it comes from there still');
conforms('as if he was not there', @{ $l->{violations} });
conforms('the same', differs($edge, $origin));
is($edge->status()->{relay}{pulls}, 1, 'one pull');

$_->stop() for $mine, $other, $b;
$_->done('TERM') for $edge, $large, $origin;
done_testing();
