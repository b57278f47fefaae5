#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Listeners that are broken or hostile: paths, queries, methods and clients
# that never read.  Each gets its error at once, in the right counter, and
# whoever listens beside them hears everything.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my ($node, $b) = on_air(location => 'stentor_hls_pending time=200ms max=4;');
my $witness = Stentor::Listener->fork_run(120,
    port => $node->port_http(), edge => 1);
my $URL = '/live/studio1';


# The answer to a path that a well-behaved URL library would not send.

sub raw($path, $method = 'GET', $rest = '') {
    my $c = $node->http();
    $c->send("$method $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
             . "$rest\r\n", $method);
    return $c->response(5) // { status => 0, headers => {} };
}


sub counted($counter, $code) {
    my $before = $node->status()->{hls}{$counter};
    $code->();
    ok($node->wait_status(sub ($s) {
        return $s->{hls}{$counter} > $before;
    }, 5, $counter), "counted in $counter");
}


counted('not_found', sub {
    for my $path ("$URL/", $URL, "$URL/audio", "$URL/audio/",
        "$URL/AUDIO.M3U8", "$URL/audio.m3u8/", "$URL/audio.m3u8.bak",
        "$URL/nope.m3u8", "$URL/audio/.m4s", "$URL/audio/1.2.3.m4s",
        "$URL/audio/-1.m4s", "$URL/audio/1.-1.m4s", "$URL/audio/+1.m4s",
        "$URL/audio/0x10.m4s", "$URL/audio/1.m4s.m4s", "$URL/audio/1",
        "$URL/audio/99999999999999999999999.m4s",
        "$URL/audio/18446744073709551615.18446744073709551615.m4s",
        "$URL/audio/init-.mp4", "$URL/audio/init-99999999999999999999.mp4",
        "$URL/audio/init-1.mp4.mp4", "$URL/studio1/audio.m3u8",
        "$URL/audio/1%002.m4s", "$URL/audio%2f1.m4s")
    {
        my $r = raw($path);
        ok($r->{status} == 404 || $r->{status} == 400,
           "$path: $r->{status}");
        is($r->{headers}{'access-control-allow-origin'}, '*',
           'cross-origin') if $r->{status} == 404;
    }
});

for my $path ('/live/../../etc/passwd', '/live/%2e%2e/%2e%2e/etc/passwd',
              '/live//audio.m3u8', '/live/./audio.m3u8', '/live/',
              '/live/..%2fstudio1/audio.m3u8', '/live/%00/audio.m3u8',
              '/live/' . 'x' x 6000 . '/audio.m3u8',
              '/live/' . 'a/' x 500 . 'audio.m3u8',
              "/live/\xff\xfe/audio.m3u8", '/live/%ff%fe/audio.m3u8')
{
    my $r = raw($path);
    my $said = length($path) > 60 ? substr($path, 0, 60) . '...' : $path;
    $said =~ s/[^ -~]/?/g;
    ok($r->{status} >= 400 && $r->{status} < 500, "$said: $r->{status}");
}

is(raw("$URL/../studio1/audio.m3u8")->{status}, 200,
   'a path that nginx makes good');
is(raw("$URL/aud%69o.m3u8")->{status}, 200, 'an encoded letter');

my $p = playlist($node);
my $part = "$URL/$p->{segments}[-1]{parts}[0]{URI}";

is(raw("$part?_HLS_msn=x&_HLS_part=y&z")->{status}, 200,
   'directives on a part mean nothing');
is(raw("$URL/audio.m3u8?" . 'a=b&' x 1500)->{status}, 200, 'a long query');
like(raw("$URL/index.m3u8?_HLS_msn=x")->{status}, qr/^[24]00$/,
     'a bad directive on the multivariant playlist');

counted('bad_requests', sub {
    is(raw("$URL/audio.m3u8?_HLS_msn=$_")->{status}, 400, "msn of '$_'")
        for 'x', '-5', '1_0', '%31%00';
});

# two of one kind are no one's fault but must not be a server error
for my $query ('_HLS_msn=1&_HLS_msn=2', '_HLS_part=1&_HLS_part=2&_HLS_msn=1',
               '_HLS_skip=NO', '_HLS_skip=', '_HLS_skip=YES&_HLS_skip=v2',
               '_HLS_msn', '_HLS_msn&_HLS_part', '=_HLS_msn', '&&&')
{
    my $r = raw("$URL/audio.m3u8?$query");
    ok($r->{status} == 200 || $r->{status} == 400, "$query: $r->{status}");
}

is(raw($part, 'BREW')->{status}, 405, 'an unknown method');
is(raw($part, 'POST', "Content-Length: 3\r\n")->{status}, 405,
   'a POST whose body never comes');
is(raw($part, 'GET', "Range: bytes=" . join(',', map { "$_-$_" } 1 .. 400)
              . "\r\n")->{status} < 500 ? 1 : 0, 1, 'four hundred ranges');

# --- nobody there

counted('not_found', sub {
    my $r = raw('/live/nobody/audio.m3u8');
    is($r->{status}, 404, 'an unknown stream');
    like($r->{headers}{'cache-control'} // '',
         qr/no-store|no-cache|max-age=[0-5]\b/, 'which caches soon forget');
    is($r->{headers}{'access-control-allow-origin'}, '*', 'cross-origin');
});

is(raw('/live/nobody/audio/1.0.m4s')->{status}, 404,
   'a part of an unknown stream');

# --- those who wait and go, and those who never read

{
    my ($msn, $n) = playlist($node)->next_part();
    my @gone = map { $node->http() } 1 .. 50;
    $_->request('GET', "$URL/audio.m3u8?_HLS_msn=" . ($msn + 1)) for @gone;

    $node->wait_status(sub ($s) { $s->{hls}{waiters} >= 50 }, 5, 'waiters');
    $_->close() for @gone;

    ok($node->wait_status(sub ($s) { $s->{hls}{waiters} <= 2 }, 5,
                          'no waiters'), 'waiters that leave are forgotten');
}

{
    my @deaf = map { $node->http(rcvbuf => 2048) } 1 .. 20;

    for my $c (@deaf) {
        $c->send("GET $URL/$p->{segments}[-1]{uri} HTTP/1.1\r\n"
                 . "Host: x\r\n\r\n") for 1 .. 40;
    }

    my $l = listener($node, edge => 1);
    ok($l->parts(6), 'twenty who never read hurt nobody');
    conforms('a clean programme', @{ $l->{violations} });
    $_->close() for @deaf;
}

my $report = $witness->join();
conforms('the good listener never noticed', @{ $report->{violations} });
cmp_ok(scalar(@{ $report->{parts} }), '>', 5, 'and heard parts');

$b->stop();
$node->done();
done_testing();
