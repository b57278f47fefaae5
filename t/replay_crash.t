#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Whoever writes a replay is killed: its worker, or all there is.  What was
# written stays good, somebody goes on behind it, or ends it; with renditions,
# all of them stay even.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;

use File::Temp ();


need(qw(ffmpeg ffprobe));

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $media = Stentor::Media::fixture(freq => 880);
my $node = Stentor::Node->new(window => '8s', linger => '3s',
    expected => qr/is\ set\ aside|fails:\ an\ init\ segment/x, stentor =>
    "application duo { replay $dir end=30s fsync=off; part_duration 200ms;"
    . ' linger 3s; rendition hi bitrate=96k;'
    . ' rendition lo bitrate=32k channels=1; }',
    application => "replay $dir end=30s;", Stentor::Replay::location($dir));
my $r = Stentor::Replay->new(node => $node, dir => $dir);
my $duo = Stentor::Replay->new(node => $node, dir => $dir,
                               stream => 'duo/studio1');


sub grows($rp, $rend, $n, $what) {
    ok($node->wait_until(sub {
        my $p = $rp->playlist($rend) // { segments => [] };
        return @{ $p->{segments} } >= $n;
    }, 40), $what);
}

sub segments($rp, $rend = 'audio') {
    return scalar(@{ $rp->playlist($rend)->{segments} });
}

# Both are on the air (again), with whatever worker.

sub both_on_air() {
    return (broadcaster($node, media => $media),
            Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                        app => 'duo', media => $media));
}


my ($b, $d) = both_on_air();
grows($r, 'audio', 2, 'written');
grows($duo, $_, 2, "of renditions: $_") for qw(hi lo);

# --- the worker is killed, his broadcasters come back

for my $stream (qw(live/studio1 duo/studio1)) {
    my $pid = $node->stream($stream)->{owner_pid};
    $node->kill_worker('KILL', $pid);
    $node->wait_stream($stream, sub ($st) {
        return $st && $st->{owner_pid} != $pid;
    });
}

my $n = segments($r);
$_->kill_it() for $b, $d;
($b, $d) = both_on_air();
grows($r, 'audio', $n + 2, 'a worker is killed: another one goes on');
grows($duo, 'lo', $n + 1, 'with the renditions, too');

is(scalar($r->starts()), 1, 'the same replay');
conforms('one playlist', $r->violations());
conforms("$_ as well", $duo->violations($_)) for qw(hi lo);
unlike($r->story(), qr/lost/, 'without a gap: ' . $r->story());

# --- everything is killed, and media are torn

ok($node->kill_it(), 'everything is killed');
$_->kill_it() for $b, $d;
my $listed = $r->playlist()->{text};
my @before = $r->frames();

for my $file ($r->path() . '/audio.m4a', $duo->path() . '/lo.m4a') {
    open(my $f, '>>:raw', $file);
    print {$f} substr(Stentor::Node::slurp($file), -5000, 3000);
    close($f);
}

conforms('what was listed is still there', $r->violations());
my $said = Stentor::Replay::probe($r->path() . '/audio.m4a');
cmp_ok($said->{duration}, '>', 10, 'and the file plays');

$node->start();
($b, $d) = both_on_air();
$n = segments($r);
grows($r, 'audio', $n + 2, 'after a start it goes on');
grows($duo, $_, $n + 1, "$_, too") for qw(hi lo);
is(scalar($r->starts()), 1, 'as the same replay');
conforms('behind what was listed', $r->violations());
conforms("$_ as well", $duo->violations($_)) for qw(hi lo);

# a stream is born with hold audio dated back: there is not even a gap
like($r->story(), qr/hold [\d.]+, live [\d.]+$/,
     'hold audio fills the time without a node: ' . $r->story());

my @after = $r->frames();
is_deeply([ @after[0 .. $#before] ], \@before, 'all that was there is there');

# --- the end

$_->stop() for $b, $d;
ok($node->wait_until(sub { $r->playlist()->{ended}
                           && $duo->playlist('lo')->{ended} }, 15),
   'they end');
conforms('as they were', $r->violations());

for my $file ($r->path() . '/audio.m4a', map { $duo->path() . "/$_.m4a" }
                                         qw(hi lo))
{
    $said = Stentor::Replay::probe($file);
    is($said->{said}, '', 'ffprobe is content with ' . $file =~ s{.*/}{}r);
}

cmp_ok(abs($duo->seconds('hi') - $duo->seconds('lo')), '<', 0.001,
       'renditions are even');
my $text = `ffmpeg -v warning -i @{[ $r->path() ]}/audio.m4a -f null - 2>&1`;
is($text, '', 'ffmpeg plays it over the place where it was torn');
$node->stop('TERM');

# --- one that nobody goes on with

my ($init) = map { Stentor::Node::slurp($r->path() . "/$_") }
             'audio~init.mp4';
my $orphan = Stentor::Replay->new(node => $node, dir => $dir,
                                  stream => 'live/orphan');
my $start = $orphan->make_up(seconds => 30, end => time() - 100,
                             init => $init, media => $media,
                             torn => 'x' x 777);
my $nothing = Stentor::Replay->new(dir => $dir, stream => 'live/nothing');
my $empty = $nothing->make_up(seconds => 0, end => time() - 100,
                              init => $init, media => $media);

# somebody was killed when he had made a directory
my $hollow = $nothing->path('20200101T000000Z');
mkdir($hollow) or die "$hollow: $!\n";
utime(time() - 3600, time() - 3600, $hollow);

# one of two renditions has lost its media
my $half = Stentor::Replay->new(dir => $dir, stream => 'live/half');
my $kept = $half->make_up(seconds => 30, end => time() - 100, init => $init,
                          media => $media);
Stentor::Node::spew($half->path($kept) . '/.plan',
                    "StnReplay 1 1002667 6 10000000 0\naudio\nlow\n");
my $half_size = -s $half->path($kept) . '/audio.m4a';

# a part in the middle is bad, and listed
my $bad = Stentor::Replay->new(dir => $dir, stream => 'live/bad');
my $hurt = $bad->make_up(seconds => 30, end => time() - 100, init => $init,
                         media => $media);
my $file = $bad->path($hurt) . '/audio.m4a';
my $bad_size = -s $file;
open(my $f, '+<:raw', $file) or die "$file: $!\n";
seek($f, $bad_size / 2, 0);
print {$f} "\0" x 20000;
close($f);
Stentor::Node::spew($bad->path($hurt) . '/audio.m3u8',
                    "#EXT-X-BYTERANGE:@{[ $bad_size - 2000 ]}\@2000\n"
                    . "audio.m4a\n");

# an init segment is none
my $spoilt = Stentor::Replay->new(dir => $dir, stream => 'live/spoilt');
my $spoilt_path = $spoilt->path($spoilt->make_up(seconds => 30,
    end => time() - 5, init => $init, media => $media));
Stentor::Node::spew("$spoilt_path/audio~init.mp4", "\0" x length($init));
$node->start();
my $again = broadcaster($node, name => 'spoilt', media => $media);
ok($node->wait_until(sub {
    return ($orphan->playlist('audio', $start) // {})->{ended};
}), 'one that was left is ended at the next start');
conforms('it is good', $orphan->violations('audio', $start));
$said = Stentor::Replay::probe($orphan->path($start) . '/audio.m4a');
is($said->{said}, '', 'its file, too');
cmp_ok($said->{duration}, '>', 29, 'of its length');
my ($codecs) = map { /(CODECS="[^"]+")/ }
               Stentor::Node::slurp($r->path() . '/index.m3u8');
like(Stentor::Node::slurp($orphan->path($start) . '/index.m3u8') // '',
     qr/\Q$codecs\E.*\n\.\.\/$start\/audio\.m3u8$/,
     'it has an index, with its codec');
is(readlink($orphan->path()), $start, 'and is the latest');
ok($node->wait_until(sub { !-e $nothing->path($empty) }),
   'one that has nothing is removed');
ok($node->wait_until(sub { !-e $hollow }), 'so is an empty directory');
ok($node->wait_until(sub {
    return $node->log() =~ qr/\[crit\].*live\/half.*is set aside/;
}), 'one that has lost media is set aside, as the log says');
is(-s $half->path($kept) . '/audio.m4a', $half_size,
   'what there is of it stays as it is');
ok($node->wait_until(sub {
    return $node->log() =~ qr/\[crit\].*live\/bad.*is set aside/;
}), 'so is one that is damaged where it is listed');
is(-s $file, $bad_size, 'nothing is cut off');
ok($node->wait_until(sub { -e "$spoilt_path/.plan.aside" }, 30),
   'so is one whose init segment is none');
ok($node->wait_until(sub { $spoilt->playlist() }, 30),
   'and another one is written');
$again->stop();

$node->done('TERM');
done_testing();
