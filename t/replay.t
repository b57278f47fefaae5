#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A replay: there while the stream is on, from its beginning, and at the same
# URL when it has ended; without the hold audio before and after, with what was
# in between, and as a file that plays by itself.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Replay;
use Stentor::Webhook;

use File::Temp ();
use Time::HiRes qw(time sleep);


need(qw(ffmpeg ffprobe));

my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);
chmod(0755, $dir);
my $media = Stentor::Media::fixture(freq => 880);
my $hook = Stentor::Webhook->start();
my $node = Stentor::Node->new(window => '8s', linger => '2s',
    application => "replay $dir end=5s; stream conf; on_event "
                   . $hook->url('/') . ';', Stentor::Replay::location($dir));
my $r = Stentor::Replay->new(node => $node, dir => $dir);


sub told($event) {
    return grep { $_->{json}{event} eq $event } $hook->requests();
}

sub grows($rp, $n, $what = "$n segments") {
    ok($node->wait_until(sub {
        return @{ ($rp->playlist() // { segments => [] })->{segments} } >= $n;
    }, 40), $what);
}

sub header($res, $name) { return $res->{headers}{ lc($name) } // '' }


# --- before: hold audio is no replay

$node->wait_stream('live/conf', sub ($st) {
    return $st && $st->{replay} eq 'waiting';
}, 10, 'waits');
is_deeply([ glob("$dir/live/*") ], [], 'nothing is written of hold audio');

# --- while it is on

my $b = broadcaster($node, media => $media);
grows($r, 2);
is($node->stream('live/studio1')->{replay}, 'writing', 'the status says so');
is($node->status()->{replay}{writers}, 1, 'one is written');
conforms('a playlist that grows', $r->violations());

my $p = $r->playlist();
is($p->{ended}, 0, 'has not ended');
like($p->{text}, qr/^#EXT-X-PLAYLIST-TYPE:EVENT$/m, 'is an EVENT');
like($p->{text}, qr/^#EXT-X-START:TIME-OFFSET=0$/m, 'begins at the beginning');

my @heard = $r->frames();
cmp_ok(find_run(\@heard, [ @{ $media->{frames} }[2 .. 200] ]) // 999, '<', 50,
       'the broadcaster from his first frames');

# a player that joins now hears him from the beginning
my $pcm = File::Temp->new(TEMPLATE => 'stentor-XXXXXX', TMPDIR => 1);
system('ffmpeg', '-v', 'error', '-y', '-i', $r->url('index.m3u8'), '-t', 6,
       '-ac', 1, '-f', 's16le', "$pcm");
cmp_ok(-s "$pcm", '>', 5.5 * 48000 * 2, 'ffmpeg rewinds while it is live');

my $file = Stentor::Replay::probe($r->path() . '/audio.m4a');
is($file->{said}, '', 'the file plays while it grows: ffprobe is content');
cmp_ok($file->{duration}, '>', 6, 'as long as it is');
cmp_ok($file->{start} // 99, '==', 0, 'and begins at 0');

# --- how it is served

my $res = $node->get('/replay/live/studio1/latest/audio.m3u8',
                     Origin => 'http://example.com');
is($res->{status}, 200, 'nginx serves it');
is(header($res, 'content-type'), 'application/vnd.apple.mpegurl', 'a type');
is(header($res, 'access-control-allow-origin'), '*', 'CORS');
is(header($res, 'cache-control'), 'no-cache', 'not cached unasked');
$res = $node->get('/replay/live/studio1/latest/audio.m4a?download=1',
                  Range => 'bytes=0-99');
is($res->{status}, 206, 'ranges');
is(header($res, 'content-type'), 'audio/mp4', 'an m4a');
is(header($res, 'content-disposition'), 'attachment', 'to be downloaded');
my $c = $node->http();
$c->request('OPTIONS', '/replay/live/studio1/latest/audio.m4a');
$res = $c->response();
is($res->{status}, 204, 'a preflight');
is(header($res, 'access-control-allow-headers'), 'Range', 'may ask for ranges');
is($node->get('/replay/live/studio1/latest/.plan')->{status}, 404,
   'not the plan');

# --- he leaves and comes back: what was in between is in

$b->stop();
my $before = @{ $r->playlist()->{segments} };
$node->wait_stream('live/studio1', sub ($st) { $st->{state} eq 'hold' });
my $parts = $node->stream('live/studio1')->{parts};
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $parts + 4 });
$b = broadcaster($node, media => $media);
grows($r, $before + 3, 'it goes on with him');
conforms('still one playlist', $r->violations());
like($r->story(), qr/^live [\d.]+, hold [\d.]+, live [\d.]+$/,
     'chapters: ' . $r->story());

# --- a reload, without a gap or a repeat

$node->reload();
my $now = @{ $r->playlist()->{segments} };
grows($r, $now + 2, 'a reload: it goes on');
is(scalar($r->starts()), 1, 'as the same replay');
conforms('without a gap', $r->violations());
unlike($r->story(), qr/lost/, 'nothing is lost');

# --- the end

$b->stop();
my ($start) = $r->starts();
$node->wait_stream('live/studio1', sub ($st) {
    return !$st || $st->{state} eq 'closed';
}, 10, 'closed');
my $closed = time();
ok($node->wait_until(sub { $r->playlist()->{ended} }), 'it ends');
my $took = time() - $closed;
cmp_ok($took, '<', 1, sprintf('%.2f s after the stream', $took));
conforms('as it was', $r->violations());
like($r->story(), qr/^live [\d.]+, hold [\d.]+, live [\d.]+$/,
     'without the hold audio behind it: ' . $r->story());

ok($node->wait_until(sub { told('replay_done') }), 'replay_done is told');
my ($done) = told('replay_done');
is($done->{json}{path}, "live/studio1/$start/", 'with its path');
cmp_ok(abs($done->{json}{duration} - $r->seconds()), '<', 0.01,
       'and how long it is');
is(scalar(told('replay_started')), 1, 'so was its beginning');

$file = Stentor::Replay::probe($r->path() . '/audio.m4a');
is($file->{said}, '', 'the file: ffprobe is content');
cmp_ok(abs($file->{duration} - $r->seconds()), '<', 0.01, 'its length');
is($file->{frames}, scalar($r->frames()), 'every frame');
is($file->{codec}, 'aac', 'of the codec');

my $said = `ffmpeg -v warning -i @{[ $r->path() ]}/audio.m4a -f null - 2>&1`;
is($said, '', 'ffmpeg plays it from beginning to end');
$said = `ffmpeg -v warning -i @{[ $r->url('index.m3u8') ]} -f null - 2>&1`;
is($said =~ s/^.*Opening.*\n//mgr, '', 'and over HLS');

# --- another one, of another format in its middle

my %loaded = map { $_ => $node->get("/replay/live/studio1/latest/$_")->{body} }
             qw(index.m3u8 audio.m3u8);
$b = broadcaster($node, media => $media);
$node->wait_until(sub { $r->starts() == 2 });
is(scalar($r->starts()), 2, 'he comes back: another replay');
ok($node->wait_until(sub { readlink($r->path()) ne $start }, 30),
   'which is the latest');

# a player has loaded "latest" before: what it names is still what it was
sub resolved($uri) {
    return "/replay/live/studio1/latest/$uri" =~ s{[^/]+/\.\./}{}r;
}

my ($variant) = $loaded{'index.m3u8'} =~ /^([^#].*)$/m;
is($node->get(resolved($variant))->{body}, $loaded{'audio.m3u8'},
   'a player in the first one finds its rendition there');
my ($len, $at, $uri) = $loaded{'audio.m3u8'}
    =~ /^#EXT-X-BYTERANGE:(\d+)\@(\d+)\n(.*)\n#EXT-X-ENDLIST/m;
$res = $node->get(resolved($uri),
                  Range => sprintf('bytes=%u-%u', $at, $at + $len - 1));
is($res->{status}, 206, 'and its media');
ok($res->{body} eq $r->bytes({ file => 'audio.m4a', at => $at, len => $len },
                             $start), 'which it was playing');
$b->stop();
my $other = broadcaster($node, media => Stentor::Media::fixture(rate => 44100));
ok($node->wait_until(sub {
    my $text = ($r->playlist() // {})->{text} // '';
    return $text =~ /audio~2\.m4a/;
}, 30), 'another format: another file');
$other->stop();
ok($node->wait_until(sub { $r->playlist()->{ended} }, 15), 'it ends, too');
conforms('a playlist over both', $r->violations());
for my $n ('', '~2') {
    $file = Stentor::Replay::probe($r->path() . "/audio$n.m4a");
    is($file->{said}, '', "audio$n.m4a plays by itself");
    cmp_ok($file->{start} // 99, '==', 0, 'from 0');
}
$said = `ffmpeg -v error -i @{[ $r->url('index.m3u8') ]} -f null - 2>&1`;
is($said, '', 'and both over HLS');

# --- one that stays open ends when nobody comes back

my $open = Stentor::Replay->new(node => $node, dir => $dir,
                                stream => 'live/conf');
$b = broadcaster($node, name => 'conf', media => $media);
grows($open, 1);
$b->stop();
ok($node->wait_until(sub { $open->playlist()->{ended} }, 20),
   'a stream that stays open: it ends after hold audio');
like($open->story(), qr/^live [\d.]+$/, 'without it');
is($node->stream('live/conf')->{state}, 'hold', 'the stream goes on');

is($node->status()->{replay}{lost}, 0, 'nothing was lost in all this');
is($node->status()->{replay}{failures}, 0, 'and nothing failed');
$node->done('TERM');
done_testing();
