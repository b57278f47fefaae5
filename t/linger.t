#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Who comes just as his stream's time to linger is over is let in, to this
# stream or to the next one of its name: also in another format, for which hold
# audio has to be made first, and no worker ends.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;

use Time::HiRes qw(time sleep);


need('ffmpeg');

my $LINGER = 1;

# Before and after the end of it, in seconds.
my @WHEN = map { $LINGER + $_ / 20 } -6 .. 4;

my $stereo = Stentor::Media::fixture(freq => 440);

# A worker makes hold audio of a format once: each time another one.
my @others = map {
    my ($rate, $bitrate) = @$_;
    Stentor::Media::fixture(freq => 880, channels => 1, rate => $rate,
                            bitrate => $bitrate);
} [44100, '96k'], [32000, '64k'], [24000, '48k'], [22050, '48k'];


sub is_live($st) { return ($st->{state} // '') eq 'live' }


my $node = Stentor::Node->new(workers => 1, linger => "${LINGER}s",
                              part_duration => '200ms', window => '8s',
                              slow_threads => 300);

for my $i (0 .. $#WHEN) {
    my $name = "studio$i";
    my $first = broadcaster($node, name => $name, media => $stereo);
    $node->wait_stream("live/$name", \&is_live);

    $first->stop();
    sleep($WHEN[$i]);

    my $next = broadcaster($node, name => $name,
                           media => $others[$i % @others]);
    ok($node->wait_stream("live/$name", \&is_live),
       "who comes after $WHEN[$i] s is heard");
    $next->stop();
}

# A worker that crashed would be in the log.
$node->stop();

done_testing();
