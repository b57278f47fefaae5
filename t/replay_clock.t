#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The clock was set back: there are replays of a time that is still to come, and
# the stream is written nevertheless.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();


need(qw(ffmpeg));

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $media = Stentor::Media::fixture(freq => 880);
my $node = Stentor::Node->new(part_duration => '1s', window => '36s',
    linger => '2s', application => "replay $dir;");
my $r = Stentor::Replay->new(dir => $dir);
my $orphan = Stentor::Replay->new(dir => $dir, stream => 'live/orphan');


sub goes_on($n, $what) {
    return ok($node->wait_until(sub {
        my $start = ($r->starts())[$n - 1] // return 0;
        return ($r->playlist('audio', $start) // {})->{text};
    }, 30), $what);
}


my $b = broadcaster($node, name => 'other', media => $media);
my ($init) = fetch_all($node, '/live/other/'
                              . playlist($node, 'other')->{map});
$b->stop();
$node->stop('TERM');

# --- it was being written, and was left; nobody comes to the other one

my $start = $r->make_up(seconds => 30, end => time() + 3600, init => $init,
                        media => $media);
my $left = $orphan->make_up(seconds => 30, end => time() + 3600,
                            init => $init, media => $media);
$node->start();
$b = broadcaster($node, media => $media);
goes_on(2, 'another one is written');
is($r->playlist('audio', $start)->{ended}, 1, 'the one of before has ended');
my $next = ($r->starts())[1];
cmp_ok($next, 'gt', $start, 'the other is named behind it');
is(readlink($r->path()), $next, 'and is the latest');
cmp_ok($r->chapters($next)->{start}, 'lt', $r->chapters($start)->{start},
       'though its time is before');
like($node->log(), qr/\[warn\].*a clock was set back/, 'the log says so');
ok($node->wait_until(sub {
    return ($orphan->playlist('audio', $left) // {})->{ended};
}, 30), 'one that nobody goes on with is ended');

# --- whoever comes next finds the one that is being written

my $pid = $node->stream('live/studio1')->{owner_pid};
my $n = @{ $r->playlist()->{segments} };
$node->kill_worker('KILL', $pid);
$b->kill_it();
$b = broadcaster($node, media => $media);
ok($node->wait_until(sub { @{ $r->playlist()->{segments} } > $n }, 30),
   'a worker is killed: another one goes on');
is(scalar($r->starts()), 2, 'with the same replay');
conforms('which is good', $r->violations());

# --- and after the end

$b->stop();
ok($node->wait_until(sub { $r->playlist()->{ended} }, 30), 'it ends');
$b = broadcaster($node, media => $media);
goes_on(3, 'the next one is written, too');
cmp_ok(($r->starts())[2], 'gt', $next, 'and is the last by name');
$b->stop();
$node->done('TERM');
done_testing();
