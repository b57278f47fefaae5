#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A disk that is full, read-only, gone, or does not answer: listeners hear
# nothing of it, the operator does, what was written plays, and when the disk
# is well again the replay goes on.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Player;
use Stentor::Replay;
use Stentor::Webhook;

use File::Temp ();
use Time::HiRes qw(time sleep);


need(qw(ffmpeg ffprobe unshare nsenter));
plan(skip_all => 'may not mount')
    if !Stentor::Node::has(Stentor::Node::may_mount(), 'a mount');

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $players = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);
my $hook = Stentor::Webhook->start();
my $node = Stentor::Node->new(segment_parts => 2, window => '3s',
    slow_disk => 1,
    disk => ["$dir", 'size=4m,mode=755'],
    expected => qr/replay\ of\ stream .* (?:fails|loses\ parts)/x,
    application => "replay $dir end=60s; on_event " . $hook->url('/') . ';',
    Stentor::Replay::location($dir));
my $r = Stentor::Replay->new(node => $node, dir => $node->disk());


sub told($event) {
    return scalar(grep { $_->{json}{event} eq $event } $hook->requests());
}

sub segments() {
    return scalar(@{ ($r->playlist() // { segments => [] })->{segments} });
}

sub grows($n, $what) {
    my $from = segments();
    return ok($node->wait_until(sub { segments() >= $from + $n }, 40), $what);
}

# It fails, as everybody is told; and then it is well again.

my $failures = 0;

sub fails($what) {
    $failures++;
    ok($node->wait_until(sub {
        return $node->stream('live/studio1')->{replay} eq 'failing';
    }, 30), "$what: the status says so");
    is($node->status()->{replay}{failing}, 1, 'so does the metric');
    ok($node->wait_until(sub { told('replay_failed') >= $failures }),
       'and the event');
    like($node->log(), qr/\[crit\].*replay of stream "live\/studio1" fails/,
         'and the log');
}

sub recovers($what) {
    ok($node->wait_until(sub {
        return $node->stream('live/studio1')->{replay} eq 'writing';
    }, 30), "$what: it is written again");
    ok($node->wait_status(sub ($s) { $s->{replay}{failing} == 0 }),
       'all is well');
    grows(2, 'and goes on');
    conforms('behind what was listed', $r->violations());
}

# What is tried again and again is cut off again: who looks in between looks
# once more.

sub plays($what) {
    my $said;

    ok($node->wait_until(sub {
        $said = Stentor::Replay::probe($r->path() . '/audio.m4a')->{said};
        return $said eq '';
    }, 5), "$what: what is there plays") or diag($said);
}


my $b = broadcaster($node, media => $media);
my $player = Stentor::Player->start(port => $node->port_http(),
    dir => "$players", name => 'player',
    playlist => '/live/studio1/audio.m3u8');
grows(1, 'written');

# --- full

sub filler() { return $node->disk() . '/filler' }

sub fill() {
    open(my $f, '>:raw', filler()) or die filler() . ": $!\n";
    1 while (syswrite($f, 'x' x 4096) // 0) == 4096;
    close($f);
}

sub lost() { return $node->status()->{replay}{lost} }

sub gaps() {
    my $sum = 0;
    $sum += $_->{lost} // 0 for @{ $r->chapters()->{chapters} };
    return $sum;
}

fill();
fails('full');
plays('full');
conforms('the playlist is good', $r->violations());
unlink(filler()) or die filler() . ": $!\n";
recovers('room again');
is(lost(), 0, 'and nothing is lost');
unlike($r->story(), qr/lost/, 'not even a gap: ' . $r->story());

# --- read-only: whoever has a file open for writing keeps a disk from that, so
# the node begins with it

$node->stop('TERM');
$node->start();
$r->{dir} = $node->disk();
$node->disk('mount', '-o', 'remount,ro');
$player->join(0);
$player = Stentor::Player->start(port => $node->port_http(),
    dir => "$players", name => 'player2',
    playlist => '/live/studio1/audio.m3u8');
$b = broadcaster($node, media => $media);
fails('read-only');
$node->disk('mount', '-o', 'remount,rw');
recovers('writable');

# --- gone, and back

my $lost = $r->path(($r->starts())[-1]);
system('rm', '-rf', $node->disk() . '/live') == 0 or die "rm: $?\n";
fails('vanished');
recovers('there again');
isnt($r->path(($r->starts())[-1]), $lost, 'as another replay');

# --- it does not answer, first for less, then for longer than parts wait: in
# rings of some ten seconds

sub hang($seconds) {
    Stentor::Node::spew($node->dir() . '/slow', '');
    my $from = $node->stream('live/studio1')->{parts};
    $node->wait_stream('live/studio1', sub ($st) {
        return $st->{parts} >= $from + 5 * $seconds;
    }, $seconds + 20);
    fails("silent for $seconds s");
    unlink($node->dir() . '/slow');
}

hang(6);
recovers('it answers');
is(lost(), 0, 'nothing is lost');

hang(20);
ok($node->wait_status(sub ($s) { $s->{replay}{lost} > 0 }),
   'too slow: parts are lost, and counted');
like($node->log(), qr/\[crit\].*loses parts: the disk is too slow/,
     'the log says so');
recovers('it answers');
like($r->story(), qr/^live [\d.]+, lost [\d.]+, live/,
     'with a gap: ' . $r->story());
plays('with a gap');

# --- full for longer than parts wait, and tried again all the while

my ($before, $gaps) = (lost(), gaps());
fill();
my $from = $node->stream('live/studio1')->{parts};
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $from + 125 },
                   50);
fails('full for long');
unlink(filler()) or die filler() . ": $!\n";
recovers('room again');
$gaps = gaps() - $gaps;
my $seconds = (lost() - $before) * 0.2;
cmp_ok(abs($seconds - $gaps), '<', 3,
       "what is lost is counted once: $seconds s of $gaps");

# --- full when one is to begin: it leaves nothing behind, however often it is
# tried

my $late = Stentor::Replay->new(dir => $node->disk(), stream => 'live/late');
fill();
my $tries = $node->status()->{replay}{failures};
my $second = broadcaster($node, name => 'late', media => $media);
$node->wait_status(sub ($s) { $s->{replay}{failing} == 2
                              && $s->{replay}{failures} >= $tries + 8 }, 40);
cmp_ok(scalar($late->starts()), '<=', 1, 'another stream: no directories');
unlink(filler()) or die filler() . ": $!\n";
ok($node->wait_until(sub { $late->playlist() }, 30), 'it is written');
is(scalar($late->starts()), 1, 'as one replay');
$second->stop();

# --- and live?

$b->stop();
my $heard = $player->join(0);
conforms('who listened heard nothing of it', @{ $heard->{violations} });
is($node->stream('live/studio1')->{repairs}{gaps_filled}, 0,
   'nor did the broadcaster');

$node->done('TERM');
done_testing();
