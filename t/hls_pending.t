#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Listeners who come before the broadcaster: a bounded number of playlist
# requests is held for a while; the stream's opening answers them all, and
# time answers those it disappoints.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my $node = Stentor::Node->new(workers => 2,
    location => 'stentor_hls_pending time=1s max=3;',
    http_server => <<'END');
        location /patient/ {
            stentor_hls live;
            stentor_hls_pending time=20s max=100;
        }
END


sub pending($n) {
    return $node->wait_status(sub ($s) { $s->{hls}{pending} == $n }, 5,
                              "$n pending");
}


# --- disappointed

my $c = $node->http();
$c->request('GET', '/live/studio1/audio.m3u8');
ok(pending(1), 'held');
my $r = $c->response();
is($r->{status}, 404, 'not found in the end');
cmp_ok($r->{taken}, '>=', 0.9, 'after its time');
cmp_ok($r->{taken}, '<', 4, 'and not long after');
like($r->{headers}{'cache-control'} // '',
     qr/no-store|no-cache|max-age=[0-5]\b/, 'caches soon forget');
is($r->{headers}{'access-control-allow-origin'}, '*', 'cross-origin');
ok(pending(0), 'held no longer');

$c = $node->http();
$c->request('GET', '/live/studio1/audio/1.0.m4s');
is($c->response(5)->{status}, 404, 'a part is not held');

# --- too many: the bound is each worker's own

{
    my $one = Stentor::Node->new(workers => 1,
        location => 'stentor_hls_pending time=1s max=3;');
    my @held = map { $one->http() } 1 .. 3;

    $_->request('GET', '/live/studio1/index.m3u8') for @held;
    ok($one->wait_status(sub ($s) { $s->{hls}{pending} == 3 }, 5, 'three'),
       'as many as configured are held');

    $c = $one->http();
    $c->request('GET', '/live/studio1/index.m3u8');
    $r = $c->response(5);
    is($r->{status}, 404, 'one more is refused at once');
    cmp_ok($r->{taken}, '<', 0.9, 'really at once');
    cmp_ok($one->status()->{hls}{pending_refused}, '>=', 1, 'and counted');

    $_->close() for @held;
    ok($one->wait_status(sub ($s) { $s->{hls}{pending} == 0 }, 5, 'none'),
       'those who leave are forgotten');
    $one->done();
}

# --- rewarded

my @paths = map { "/patient/studio1/$_" }
            qw(index.m3u8 audio.m3u8 audio-std.m3u8 audio.m3u8?_HLS_skip=YES);
my @c = map { my $c = $node->http(); $c->request('GET', $_); $c } @paths;
push(@c, $node->http());
$c[-1]->request('HEAD', $paths[0]);
my $other = $node->http();
$other->request('GET', '/patient/studio2/index.m3u8');
ok(pending(6), 'six are held');

my $b = broadcaster($node);
my @r = Stentor::HTTP::wait_all(\@c, 10);

is_deeply([ map { $_ ? $_->{status} : undef } @r ], [ (200) x 5 ],
          'the opening answers all of them');
conforms('multivariant playlist',
         Stentor::Conformance::check_multivariant($r[0]{text}));
conforms('the very first media playlist conforms',
    Stentor::Conformance::check(Stentor::Playlist::parse($r[1]{text})));
conforms('the very first classic playlist conforms',
    Stentor::Conformance::check(Stentor::Playlist::parse($r[2]{text}),
                                std => 1));
ok(pending(1), 'who waits for another stream still does');

my $l = listener($node);
ok($l->parts(12), 'and the stream goes on');
conforms('a clean programme', @{ $l->{violations} });

$other->close();
$b->stop();
$node->done();
done_testing();
