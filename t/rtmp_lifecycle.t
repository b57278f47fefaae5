#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Broadcasters who come and go at awkward moments: media after the end they
# announced, repeated configurations, and a return just when the stream that
# lingered for them is ending.  No worker dies of it, and whoever publishes is
# heard.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Time::HiRes qw(sleep);

use Stentor::Kit;


need('ffmpeg');

my $node = Stentor::Node->new(linger => '500ms');
my $media = Stentor::Media::fixture();
my @workers;


# A session that opens a stream with some frames.

sub session($name) {
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), name => $name,
                                asc => $media->{asc});
    $s->frame($media->{frames}[$_], $_ * 1024 / 48) for 0 .. 9;

    return $s;
}


sub live($name) {
    return $node->wait_stream("live/$name", sub ($st) {
        return $st && $st->{state} eq 'live' && $st->{session};
    }, 10);
}

# --- after the end he announced

{
    my $s = session('a');
    ok(live('a'), 'on the air');

    # they have their names by now, by which they are found
    @workers = sort $node->worker_pids();

    $s->command('FCUnpublish', 6, undef, 'a');
    $s->frame($media->{frames}[10], 213);
    $s->config($media->{asc}, 213);
    $s->frame($media->{frames}[11], 234);

    ok($node->wait_stream('live/a', sub ($st) {
        return $st && !$st->{session};
    }), 'media after FCUnpublish: dropped');

    $s->close();
}

is_deeply([ sort $node->worker_pids() ], \@workers, 'no worker has died');

# --- the same configuration, again and again

{
    my $s = session('b');
    my $epoch = live('b')->{epoch};

    for my $n (1 .. 20) {
        $s->config($media->{asc}, $n * 1024 / 48);
        $s->frame($media->{frames}[10 + $n], (10 + $n) * 1024 / 48);
    }

    my $st = $node->wait_stream('live/b', sub ($st) {
        return $st->{repairs}{live_frames} >= 30;
    });
    ok($st, 'every frame between repeated configurations is heard');
    is($st->{epoch}, $epoch, 'and it is one session');
    $s->close();
}

# --- back when the stream is about to end, or has just ended

for my $round (0 .. 11) {
    my $b = broadcaster($node, name => 'c', media => $media);
    $b->stop();
    sleep(0.4 + 0.15 * $round);

    $b = broadcaster($node, name => 'c', media => $media);
    ok(live('c'), "round $round: back, and heard");
    $b->stop();
}

# the session of one name is no business of another's
{
    my $one = session('d');
    my $two = session('e');
    ok(live('d') && live('e'), 'two streams');
    $one->close(reset => 1);
    ok($node->wait_stream('live/d', sub ($st) { !$st || !$st->{session} }),
       'one goes');
    ok(live('e'), 'the other stays');
    $two->close();
}

is_deeply([ sort $node->worker_pids() ], \@workers, 'no worker has died');
$node->done();
done_testing();
