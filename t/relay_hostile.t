#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# An upstream that is none of ours, or out of its mind: whatever it sends of
# its streams, those that come from others go on, the zone is as it was, and
# it is asked again.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Tier;
use Stentor::Upstream;

use File::Temp ();
use IO::Socket::INET;
use Time::HiRes qw(sleep);


need('ffmpeg');

my $MAGIC = $Stentor::Relay::MAGIC;

# What AddressSanitizer keeps of what was freed.
my $SPARE = $ENV{STENTOR_ASAN} ? 600e6 : 0;


sub stream(%o) { return Stentor::Upstream::stream(%o) }
sub init(%o) { return Stentor::Upstream::init(%o) }
sub part(@o) { return Stentor::Upstream::part(@o) }
sub beat(%o) { return Stentor::Upstream::beat(%o) }
sub window(%o) { return Stentor::Upstream::window(%o) }
sub record(@o) { return Stentor::Upstream::record(@o) }


# Sends it, and goes on as if nothing were wrong.

sub says(@bytes) {
    return sub ($say) {
        my $ok = $say->(join('', @bytes));
        $ok = $say->(beat()) while $ok && sleep(0.1);
    };
}


# Much more of it than makes sense, and is gone.

sub pours($first, $bytes) {
    return sub ($say) {
        my $ok = $say->($first);
        $ok = $ok && sleep(0.02) && $say->($bytes) for 1 .. 150;
    };
}


my $garbage = pack('N*', map { ($_ * 2654435761) & 0xffffffff } 1 .. 5000);
my $two = stream(whole => 0, names => ['audio', 'more'])
          . init(rendition => 1, data => 'z' x 2048)
          . init(data => 'another') . part(8, 0, n => 2);

my %lies = (
    'more-renditions' => says(window(), $two),
    'fewer-renditions' => says(
        $MAGIC, stream(names => ['audio', 'more']), init(),
        init(rendition => 1), (map { part(1, $_, n => 2) } 0 .. 5),
        record('edge', ''), stream(whole => 0), init(), part(2, 0)),
    'no-magic' => says("<html>\r\n" x 100),
    'half-a-magic' => says("StnRelay\2\0\0\0"),
    'many-beats' => pours($MAGIC, beat() x 500),
    'beats-of-nobody' => pours($MAGIC, beat(chain => []) x 500),
    'many-streams' => pours(window(), stream(whole => 0) x 100),
    'many-formats' => pours($MAGIC . stream(), init() x 100),
    'many-others' => pours($MAGIC, record(99, 'x' x 60000)),
    'long-record' => says($MAGIC, pack('C x3 N', 1, 0xffffffff)),
    'long-part' => says(window(), part(8, 0, size => 7e6)),
    'long-data' => says(window(), part(8, 0, len => 0xffffffff)),
    'many-renditions' => says($MAGIC, stream(n => 255)),
    'no-renditions' => says($MAGIC, stream(names => [])),
    'long-chain' => says($MAGIC, stream(chain => [('a') x 200])),
    'odd-ids' => says($MAGIC, stream(chain => ["a\n../\0"])),
    'garbage-after-the-edge' => says(window(), $garbage),
    'epoch-of-the-stream' => says(window(epoch => 1 << 61)),
    'epoch-of-a-beat' => says(window(), beat(epoch => 1 << 61)),
    'comes-from-us' => says(window(chain => ['origin-1', 'edge-1', 'liar'])),
    'jumps-ahead' => says(window(), part(8, 0), part(1008, 0), part(8, 1)),
    'jumps-far' => says(window(), part((1 << 61) - 1, 5)),
    'jumps-back' => says(window(), part(2, 0), part(1, 5), part(8, 3)),
    'jumps-at-once' => says($MAGIC, stream(), init(), part(1 << 61, 5),
                            part(0, 0), record('edge', '')),
    'part-of-the-far-future' => says(window(), part(8, 0, at => 1 << 48)),
    'no-init' => says($MAGIC, stream(), part(1, 0), record('edge', '')),
    'edge-of-nothing' => says($MAGIC, record('edge', ''), part(1, 0)),
);

my @names = sort keys %lies;
my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
my $liar = Stentor::Upstream->start(
    dir => "$dir", scripts => { map { ("live/$_" => $lies{$_}) } @names });

my $origin = origin();
my $b = broadcaster($origin);
my $edge = pulls_from([$liar->url(), $origin], zone => '64m',
                      location => 'stentor_hls_pending time=200ms;');

ok($edge->wait_until(sub {
    return $edge->get('/live/studio1/audio.m3u8')->{status} == 200;
}), 'a stream that is as it should be');
my @workers = $edge->worker_pids();
my $memory = $edge->worker_memory();
my $l = Stentor::Listener->fork_run(60, port => $edge->port_http());

# --- listeners of all that he has

my @left = @names;
ok($edge->wait_until(sub {
    my @all = map { $edge->http() } @left;
    $all[$_]->request('GET', "/live/$left[$_]/audio.m3u8") for 0 .. $#left;
    $_->response() // fail('an answer') for @all;

    @left = grep { $liar->asked("live/$_") < 2 } @left;
    return !@left;
}, 3 * $Stentor::Node::PATIENCE), 'each of his streams is asked for again')
    or diag("@left");

is_deeply([$edge->worker_pids()], \@workers, 'no worker has died of them');
cmp_ok($edge->worker_memory() - $memory, '<', $SPARE + 32e6,
       'nor grown fat');
ok(!$edge->stream("live/$_"), "$_: is none")
    for grep { /magic|many-rend|no-rend|odd|epoch-of-the-s|us/ } @names;
conforms('the edge has what the origin has', differs($edge, $origin));

conforms('whoever listened has heard nothing', @{ $l->join()->{violations} });

# --- what the zone has is good for others

$liar->stop();
my $other = broadcaster($origin, name => 'studio2');
ok($edge->wait_until(sub {
    return $edge->get('/live/studio2/audio.m3u8')->{status} == 200;
}), 'another stream can be had');
conforms('and is the same', differs($edge, $origin, 'studio2'));

$edge->reload();
ok($edge->wait_until(sub {
    my $st = $edge->stream('live/studio1');
    return $st && $st->{relay} && @{ $st->{relay}{chain} };
}), 'a reload finds the zone as it was');
ok($edge->wait_until(sub { !differs($edge, $origin, 'studio2') }),
   'with what is in it');

$_->stop() for $b, $other;
$_->done('TERM') for $edge, $origin;

# --- one that cannot even be connected to: nobody takes what waits for it

my $deaf = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
my @crowd = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', Blocking => 0,
                          PeerPort => $deaf->sockport())
} 1 .. 4;

$edge = pulls_from(['http://127.0.0.1:' . $deaf->sockport() . '/relay/'],
                   location => 'stentor_hls_pending time=200ms;');
ok($edge->wait_until(sub {
    $edge->get('/live/studio1/audio.m3u8');
    return $edge->log() =~ /relay from .* fails/;
}), 'one that cannot be connected to fails');
$edge->get('/live/studio1/audio.m3u8');
$edge->done('TERM');
done_testing();
