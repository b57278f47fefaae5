#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A replay ends on a disk that has no room for the index of its file: listeners
# are told that it has ended, once and for all; and when there is room, the file
# is completed.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();


need(qw(ffmpeg ffprobe unshare nsenter));
plan(skip_all => 'may not mount')
    if !Stentor::Node::has(Stentor::Node::may_mount(), 'a mount');

use constant HOURS3 => 3 * 3600;

# Enough for playlists, not for the index of three hours.
use constant ROOM => 1200 * 1024;

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $media = Stentor::Media::fixture(freq => 880);
my $silence = Stentor::Media::fixture(name => 'silence', source =>
                                      'anullsrc=r=48000:cl=stereo');
my $node = Stentor::Node->new(part_duration => '1s', window => '36s',
    linger => '2s', disk => ["$dir", 'size=24m,mode=755'],
    expected => qr/replay\ of\ stream .* (?:fails|cannot\ be\ ended)/x,
    application => "replay $dir;");
my $r = Stentor::Replay->new(dir => $node->disk());


my $b = broadcaster($node, name => 'other', media => $media);
my ($init) = fetch_all($node, '/live/other/'
                              . playlist($node, 'other')->{map});
$b->stop();

my $start = $r->make_up(seconds => HOURS3, end => time() - 2, init => $init,
                        media => $silence);
$b = broadcaster($node, media => $media);
ok($node->wait_until(sub { $r->seconds('audio', $start) > HOURS3 - 10 }, 60),
   'three hours');

my $filler = $node->disk() . '/filler';
open(my $f, '>:raw', $filler) or die "$filler: $!\n";
1 while (syswrite($f, 'x' x 65536) // 0) == 65536;
truncate($f, (-s $filler) - ROOM) or die "$filler: $!\n";
close($f);

$b->stop();
ok($node->wait_until(sub { $r->playlist('audio', $start)->{ended} }, 30),
   'it ends');

# every look in between has to see that
my ($failures, $looks, $back) = ($node->status()->{replay}{failures}, 0, 0);
ok($node->wait_until(sub {
    $looks++;
    $back += !$r->playlist('audio', $start)->{ended};
    return $looks % 20 == 0
           && $node->status()->{replay}{failures} >= $failures + 4;
}, 60), 'its file cannot be completed, again and again');
is($back, 0, 'what was told is not taken back');
is($node->status()->{replay}{failing}, 1, 'the operator is told');
conforms('it is good', $r->violations('audio', $start));
my $said;
ok($node->wait_until(sub {
    $said = Stentor::Replay::probe($r->path($start) . '/audio.m4a');
    return $said->{said} eq '';
}, 10), 'its file plays between two tries') or diag($said->{said});

# --- killed on the way, too

$node->kill_worker('KILL', $node->stream('live/studio1')->{owner_pid})
    if $node->stream('live/studio1');
$b = broadcaster($node, media => $media);
is($r->playlist('audio', $start)->{ended}, 1, 'nor by who goes on');

unlink($filler) or die "$filler: $!\n";
ok($node->wait_until(sub {
    return Stentor::Node::slurp($r->path($start) . '/.plan') =~ /^end/m;
}, 30), 'when there is room it is completed');
$said = Stentor::Replay::probe($r->path($start) . '/audio.m4a');
is($said->{said}, '', 'ffprobe is content');
is($said->{frames}, scalar($r->frames('audio', $start)), 'every frame');
conforms('as it was', $r->violations('audio', $start));
ok($node->wait_until(sub { $r->starts() == 2 && $r->playlist() }, 40),
   'and the next one is another one');

$b->stop();
$node->done('TERM');
done_testing();
