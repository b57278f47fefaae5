#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# "nginx -s reload" with streams that are open: those without a broadcaster
# move to the new workers at once; one with a broadcaster stays with him, and
# moves when he has gone.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;

use File::Temp ();
use List::Util qw(max);
use POSIX ();
use Time::HiRes qw(time sleep);


need('ffmpeg');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);
my $FRAMES = @{ $media->{frames} };


sub play($node, $stream) {
    my ($name) = $stream =~ m{([^/]+)$};

    return Stentor::Player->start(port => $node->port_http(), dir => "$dir",
        name => $name, playlist => "/$stream/audio.m3u8");
}


sub parts($node, $stream, $n) {
    my $from = $node->stream($stream)->{parts};
    return $node->wait_stream($stream, sub ($st) {
        return $st && $st->{parts} >= $from + $n;
    });
}


# The frames of what was heard under one init segment.

sub frames_of($heard) {
    my @out;

    for my $file (@{ $heard->{files} }) {
        my $bytes = Stentor::Node::slurp($file->{path});
        my @boxes = Stentor::Media::boxes($bytes);
        my ($first) = grep { $_->{type} eq 'moof' } @boxes;
        my $init = Stentor::Media::init(substr($bytes, 0, $first->{start}));

        push(@out, map { @{ $_->{frames} } } Stentor::Media::fragments(
            substr($bytes, $first->{start}), $init));
    }

    return \@out;
}


# A broadcaster in a process of its own who sends count frames at their pace,
# and ends in order; returns its pid.

sub sends($node, $name, $count) {
    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    my $ok = eval {
        my $s = Stentor::RTMP->open(port => $node->port_rtmp(), app => 'long',
                                    name => $name, asc => $media->{asc});
        my $t0 = time();

        for my $k (0 .. $count - 1) {
            my $wait = $t0 + $k * 1024 / 48000 - time();
            sleep($wait) if $wait > 0;
            $s->frames($media->{frames}, $k, 1);
            $s->pump();
        }

        $s->unpublish();
    };
    POSIX::_exit($ok ? 0 : 1);
}


my $node = Stentor::Node->new(window => '8s', linger => '20s', grace => '1s',
                              application => 'stream conf;',
    stentor => 'application long { part_duration 1s; segment_parts 2;'
               . ' window 12s; linger 20s; }'
               . ' application ladder { rendition a bitrate=64k;'
               . ' rendition o bitrate=48k codec=opus; part_duration 200ms;'
               . ' segment_parts 6; window 8s; linger 20s; stream one; }',
    http_server => 'location /long/ { stentor_hls; }');
$node->control('open', 'live/ctl');
$node->wait_stream('live/conf', sub ($st) { $st });

my %player = map { $_ => play($node, "live/$_") } qw(conf ctl);

# --- with a broadcaster who goes on over two reloads and then ends in the
# middle of a part

my $pid = sends($node, 'air', 260);
$node->wait_stream('long/air', sub ($st) { $st && $st->{state} eq 'live' });
$player{air} = play($node, 'long/air');
my $was = $node->stream('long/air');
parts($node, 'long/air', 1);

for my $n (1, 2) {
    my @old = $node->worker_pids();
    $node->reload();

    for my $stream (qw(live/conf live/ctl ladder/one)) {
        ok($node->wait_stream($stream, sub ($st) {
            return $st && !grep { $_ == $st->{owner_pid} } @old;
        }), "reload $n: $stream moves to a new worker");
    }

    parts($node, 'long/air', 1);
    my $is = $node->stream('long/air');
    is($is->{owner_pid}, $was->{owner_pid}, "reload $n: he stays where he is");
    ok($node->wait_stream('long/air', sub ($st) {
        return $st && $st->{state} eq 'live';
    }), 'on the air');
}

waitpid($pid, 0);
is($? >> 8, 0, 'he ends in order');
ok($node->wait_stream('long/air', sub ($st) {
    return $st && $st->{owner_pid} != $was->{owner_pid};
}), 'then his stream moves, too');
ok($node->wait_until(sub {
    return !grep { $_ == $was->{owner_pid} } $node->worker_pids(1);
}), 'and his worker goes');
is($node->stream('long/air')->{opened_by}, 'broadcaster', 'it is still his');
parts($node, 'long/air', 2);

my $heard = $player{air}->join(0);
my @sent = map { $media->{frames}[$_ % $FRAMES] } 0 .. 259;
my $frames = frames_of($heard);

# the first ones may have gone before the player came
@sent = @sent[80 .. $#sent];
ok(defined find_run($frames, \@sent), 'not a frame of his is lost')
    or diag(find_best($frames, \@sent));
conforms('air: one unbroken programme', @{ $heard->{violations} });

# --- the others, as they were heard

for my $stream (qw(conf ctl)) {
    $heard = $player{$stream}->join(0);
    conforms("$stream: one unbroken programme", @{ $heard->{violations} });

    my @at = map { $_->{arrived} } grep { !$_->{first} } @{ $heard->{parts} };
    my $gap = max(map { $at[$_] - $at[$_ - 1] } 1 .. $#at);
    cmp_ok($gap, '<', $ENV{STENTOR_ASAN} ? 2 : 1,
           "$stream: no part lets wait");
    note(sprintf('%s: the longest gap was %.0f ms', $stream, 1000 * $gap));
}

is($node->stream('live/ctl')->{opened_by}, 'control', 'ctl is the operator\'s');
is($node->stream('live/conf')->{opened_by}, 'config', 'conf is configured');
$node->done('TERM');

# --- workers that may not wait for their broadcasters

$node = Stentor::Node->new(window => '8s', linger => '20s',
                           main => 'worker_shutdown_timeout 2s;');
my $b = broadcaster($node, media => $media);
$player{studio1} = play($node, 'live/studio1');
parts($node, 'live/studio1', 3);
$was = $node->stream('live/studio1');

my $t0 = time();
$node->reload();
parts($node, 'live/studio1', 3);
is($node->stream('live/studio1')->{owner_pid}, $was->{owner_pid},
   'shutdown timeout: he stays');
ok($b->closed(6), 'until it is over');
cmp_ok(time() - $t0, '>', 1.8, 'not before');
ok($node->wait_stream('live/studio1', sub ($st) {
    return $st && $st->{owner_pid} != $was->{owner_pid};
}), 'his stream moves');
is($node->stream('live/studio1')->{state}, 'hold', 'and holds');
$b = broadcaster($node, media => $media);
is($node->stream('live/studio1')->{state}, 'live', 'he is back');
parts($node, 'live/studio1', 3);

$heard = $player{studio1}->join(0);
conforms('one unbroken programme', @{ $heard->{violations} });
$b->stop();
$node->done('TERM');
done_testing();
