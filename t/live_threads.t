#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# What the event loop shares with the threads of streams, of their hold audio,
# replays and webhooks they do not change at once: ThreadSanitizer watches them
# begin, work side by side, and end in all ways that a worker and a stream can.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;
use Stentor::Tone;
use Stentor::Tsan;
use Stentor::Webhook;

use File::Temp ();

# what is watched is some ten times slower
my $PATIENCE = 3 * $Stentor::Node::PATIENCE;

need('ffmpeg');
Stentor::Tsan::need();

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
mkdir("$dir/replay") or die "$dir/replay: $!\n";
chmod(0777, "$dir/replay");

my $media = Stentor::Media::fixture(freq => 880);
my $mono = Stentor::Media::fixture(freq => 440, rate => 44100, channels => 1);
my $hold = Stentor::Tone::file("$dir/hold.m4a", 400, 5);
my $hook = Stentor::Webhook->start();

my $APPLICATION = join(' ',
    'on_event ' . $hook->url('/events') . ';',
    'on_publish ' . $hook->url('/may') . ' timeout=20s;',
    "hold $hold; replay $dir/replay end=2s keep=1h;");

my %RENDITIONS = (
    'as it comes' => '',
    'in renditions' => 'rendition main bitrate=128k; '
                       . 'rendition low bitrate=48k channels=1;',
);


sub state_is($node, $name, $state, $what) {
    return ok($node->wait_stream("live/$name", sub ($st) {
        return ($st ? $st->{state} : 'closed') eq $state;
    }, $PATIENCE, $what), $what);
}


# A session that was not there before, and has sent for about a second.

sub hears($node, $name, $what) {
    state %seen;
    my $id;

    ok($node->wait_stream("live/$name", sub ($st) {
        return if !$st || $st->{state} ne 'live' || !$st->{session};
        $id = $st->{session}{id};
        return !$seen{$node}{$id} && $st->{session}{audio_frames} > 40;
    }, $PATIENCE, $what), $what);

    $seen{$node}{$id} = 1 if defined($id);
}


sub publish($node, $name, %o) {
    return Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                       name => $name, media => $media, %o);
}


# Broadcasters come, take over from each other, change their format and go,
# listeners listen, the operator opens and closes.

sub evening($node) {
    my $first = publish($node, 'studio1');
    hears($node, 'studio1', 'one is on the air');

    my ($rendition) = map { $_->{name} }
                      @{ $node->stream('live/studio1')->{renditions} };
    my $l = listener($node, rendition => $rendition);
    ok($l->parts(3, $PATIENCE), 'somebody listens');

    for my $n (1 .. 3) {
        my $next = publish($node, 'studio1', media => $n % 2 ? $mono : $media);
        hears($node, 'studio1', "takeover $n");
        $first->stop();
        $first = $next;
    }

    my @short = map { publish($node, "short$_") } 1 .. 3;
    $_->kill_it() for @short;

    # whether that took too long for an answer is another test's
    $node->control('open', 'live/opened');
    state_is($node, 'opened', 'hold', 'one is opened');
    $node->control('close', 'live/opened');
    state_is($node, 'opened', 'closed', 'and closed');

    return $first;
}


# Workers begin and end while he is on the air.

sub workers_end($node, $first) {
    my $owner = $node->stream('live/studio1')->{owner_pid};

    $first->stop();
    $node->kill_worker('KILL', $owner);
    state_is($node, 'studio1', 'hold', 'another worker goes on');

    my $b = publish($node, 'studio1');
    hears($node, 'studio1', 'he is back');
    $node->reload();
    $b->stop();
    $b = publish($node, 'studio1');
    hears($node, 'studio1', 'and after a reload');

    return $b;
}


# The last one is on the air when all of it is told to end.

sub watched($what) {
    my $node = Stentor::Tsan->new(reuseport => 1, window => '8s',
        linger => '20s', zone => '64m',
        # at TERM nginx itself kills whom it takes long
        expected => qr/exited on signal 9/,
        application => "$APPLICATION $RENDITIONS{$what}");

    my $b = workers_end($node, evening($node));
    my ($start) = sort(glob("$dir/replay/live/studio1/[0-9]*Z"));
    ok(defined($start) && -s "$start/.plan", 'a replay is being written');

    ok($node->stop('TERM', $PATIENCE), 'and the node ends');
    $b->stop();

    Stentor::Tsan::quiet($node);
    $node->done('TERM');
}


for my $what (sort keys %RENDITIONS) {
    subtest($what => sub { watched($what) });
    File::Path::remove_tree("$dir/replay/live");
}

my %events = map { $_->{json}{event} => 1 } $hook->requests('/events');
ok($events{takeover}, 'the webhook was told');
ok(scalar($hook->requests('/may')), 'and asked');

done_testing();
