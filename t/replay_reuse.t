#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A disk does not answer, and the stream that waits for it ends meanwhile: its
# place is given to another one, whose replay does not wait for the first one's
# thread, and of whose audio nothing gets into the first one's replay.  What
# waits for the disk has no name there yet.

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
my %media = map { $_ => Stentor::Media::fixture(freq => $_) } 440, 880;
my $node = Stentor::Node->new(workers => 1, segment_parts => 2, window => '3s',
    linger => '300ms', slow_disk => 1, stentor => 'streams 1;',
    expected => qr/replay\ of\ stream .* (?:fails|loses\ parts)
                   | is\ refused/x,
    application => "replay $dir end=2s;");
my ($one, $two) = map { Stentor::Replay->new(dir => $dir,
                                             stream => "live/$_") }
                  qw(one two);
my $slow = $node->dir() . '/slow';


sub grows($r, $n, $what) {
    ok($node->wait_until(sub {
        return @{ ($r->playlist() // { segments => [] })->{segments} } >= $n;
    }, 40), $what);
}

# He comes until there is a place for him; each time he waits for it a little.

sub insists($name, $media) {
    return $node->wait_until(sub {
        my $b = Stentor::Broadcaster->start(port => $node->port_rtmp(),
                                            name => $name, media => $media);
        return $b if $node->wait_until(sub { $node->stream("live/$name") }, 3);
        $b->kill_it();
        return 0;
    }, 60) || die "$name is not let in\n";
}


my $b = broadcaster($node, name => 'one', media => $media{440});
grows($one, 2, 'one is written');
Stentor::Node::spew($slow, '');
$node->wait_stream('live/one', sub ($st) { $st->{replay} eq 'failing' });
$b->stop();
$b = insists('two', $media{880});
$node->wait_stream('live/two', sub ($st) {
    return $st && $st->{state} eq 'live';
});
is($node->status()->{replay}{failing}, 1, 'the disk does not answer');

ok($node->wait_until(sub {
    return $two->starts() && -s $two->path(($two->starts())[0]) . '/.plan';
}), 'the other one is begun while one waits for it');
my $begun = $two->path(($two->starts())[0] // 'nothing');
$node->wait_until(sub { -s "$begun/.audio~init.mp4.new"
                        || -e "$begun/audio.m4a" });
ok(!-e "$begun/audio~init.mp4",
   'an init segment has its name when it is on disk');
my $n = $node->stream('live/two')->{parts};
$node->wait_stream('live/two', sub ($st) { $st->{parts} >= $n + 5 });
unlink($slow) or die "$slow: $!\n";

grows($two, 2, 'it is written');
is($node->stream('live/two')->{replay}, 'writing', 'as its status says');
ok($node->wait_until(sub { $one->playlist()->{ended} }, 30),
   'one is ended by itself');
conforms("$_->{stream} is good", $_->violations()) for $one, $two;

sub has($r, $freq) {
    my @frames = $r->frames();
    return defined(find_run(\@frames, [ @{ $media{$freq}{frames} }[40 .. 80] ]))
           ? 1 : 0;
}

is(has($one, 440), 1, 'one has his audio');
is(has($one, 880), 0, 'and none of the other');
is(has($two, 880), 1, 'who has his own');
is(has($two, 440), 0, 'and nothing else');
is($node->status()->{replay}{failing}, 0, 'all is well');

$b->stop();
$node->done('TERM');
done_testing();
