#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A replay that becomes as long as one may be: another one goes on with the
# very next part.  So it does when segments are to be of another length.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();


need(qw(ffmpeg));

use constant SEGMENTS => 20000;

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $media = Stentor::Media::fixture(freq => 880);
my $silence = Stentor::Media::fixture(name => 'silence', source =>
                                      'anullsrc=r=48000:cl=stereo');
my $node = Stentor::Node->new(part_duration => '1s', window => '36s',
    linger => '2s', expected => qr/the disk does not answer/);
my $r = Stentor::Replay->new(dir => $dir);


# live audio as long as it takes to make one up, for the replay to go on with
# at once
my $b = broadcaster($node, media => $media);
my ($init) = fetch_all($node, '/live/studio1/' . playlist($node)->{map});
my $n = $node->stream('live/studio1')->{parts};
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $n + 5 });

# all but some of the segments: what is scattered does not share one
my $start = $r->make_up(seconds => (SEGMENTS - 2.5) * 47 * 1024 / 48000,
                        end => time() - 2, init => $init, media => $silence,
                        scattered => 1);
$node->{application} = "replay $dir fsync=off;";
$node->write_conf();
$node->reload();
$b->kill_it();
$b = broadcaster($node, media => $media);
ok($node->wait_until(sub { $r->starts() == 2 }, 120), 'another one begins');
my $next = ($r->starts())[1];
ok($node->wait_until(sub { ($r->chapters($next) // {})->{duration} }, 30),
   'and is written');
is($r->playlist('audio', $start)->{ended}, 1, 'the first one has ended');
is(scalar(@{ $r->playlist('audio', $start)->{segments} }), SEGMENTS,
   'with as many segments as may be');
is($r->chapters($next)->{start}, $r->chapters($start)->{end},
   'the other one goes on where it ends');
is($node->status()->{replay}{lost}, 0, 'nothing is lost');

# --- segments are to be shorter from now on

my $target = $r->playlist('audio', $next)->{target};
$node->kill_it();
$b->kill_it();
$node->{part_duration} = '700ms';
$node->write_conf();
$node->start();
$b = broadcaster($node, media => $media);
ok($node->wait_until(sub { $r->starts() == 3 && $r->playlist()->{ended} == 0
                           && readlink($r->path()) ne $next }, 40),
   'of another grid: another one');
is($r->playlist('audio', $next)->{ended}, 1, 'that of before has ended');
is($r->playlist('audio', $next)->{target}, $target, 'as it was');
isnt($r->playlist()->{target}, $target, 'the other one is of its own length');
conforms('both are good', $r->violations('audio', $next), $r->violations());

$b->stop();
$node->done('TERM');
done_testing();
