#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Listeners are counted by the audio that they were really sent: a crowd of
# them beside as many that only ask for playlists, one that hammers a part,
# pieces, heads and answers that were not taken, several renditions, HTTP/2,
# those who leave, a reload; and what was no request at all.

use v5.36;

use List::Util ();
use Test::More;
use Time::HiRes ();

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Temp ();

use Stentor::Authority;
use Stentor::Crowd;
use Stentor::Kit;

need('cc', 'curl', 'openssl');

use constant { CROWD => 300, PART_MS => 192, SEGMENT_MS => 1152 };

my $h2 = Stentor::Node::free_port();
my $dual = Stentor::Node::free_port();
my $certs = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($pem, $key) = Stentor::Authority->new(dir => $certs)->issue();

# in parts of 9 frames at 48 kHz
my ($node, $b) = on_air(
    workers => 4,
    application => 'rendition hi bitrate=96k; rendition lo bitrate=32k;',
    http => "server { listen 127.0.0.1:$h2 ssl http2;"
            . " ssl_certificate $pem; ssl_certificate_key $key;"
            . ' location /live/ { stentor_hls; } }'
            . " server { listen [::ffff:127.0.0.1]:$dual ipv6only=off;"
            . ' error_page 400 /oops; location /oops { return 200 oops; }'
            . ' location /wrong/ { return 400; }'
            . ' location /live/ { stentor_hls; } }',
    http_server => 'location /slow/ { limit_rate 4k; stentor_hls live; }'
                   . ' location /wrong/ { return 400; }',
);


sub hls() { return $node->status()->{hls} }


# What a block adds to counters: (name => by how much).

sub adds($code, @names) {
    my $before = hls();
    $code->();
    my $after = hls();

    return { map { $_ => $after->{$_} - $before->{$_} } @names };
}


sub ask($c, $path, %headers) {
    $c->request('GET', $path, %headers);
    return $c->response() // die "no answer to GET $path\n";
}


sub client() { return $node->http() }


# Polls till the gauges are as wanted, for so long.

sub gauges($what, $test, $seconds = 60) {
    my $s = $node->wait_status(sub ($s) { return $test->($s->{hls}) },
                               $seconds, $what);
    ok($s, $what);

    return $s;
}


# The media playlist of a rendition; a machine that has much to do needs its
# time to make the first one.

sub media($name = 'hi') {
    my $r;

    $node->wait_until(sub {
        $r = $node->get("/live/studio1/$name.m3u8",
                        'User-Agent' => 'witness');
        return $r->{status} == 200;
    }) or die "the playlist: $r->{status}\n";

    return Stentor::Playlist::parse($r->{text});
}


my $p = media();
my @segments = grep { !$_->{open} && defined $_->{uri} } @{ $p->{segments} };
my $msn = $segments[-3]{msn};
my $dir = '/live/studio1';


# --- one connection: what counts, and what does not

my $c = client();
my @names = qw(connects audio_ms repeats);

is_deeply(adds(sub { ask($c, "$dir/hi/$msn.0.m4s") for 1 .. 20 }, @names),
          { connects => 1, audio_ms => PART_MS, repeats => 19 },
          'a part that is hammered counts once');

is_deeply(adds(sub { ask($c, "$dir/lo/$msn.0.m4s") }, @names),
          { connects => 0, audio_ms => 0, repeats => 1 },
          'not again in another rendition');

is_deeply(adds(sub { ask($c, "$dir/lo/$msn.1.m4s") }, @names),
          { connects => 0, audio_ms => PART_MS, repeats => 0 },
          'the next one counts in any');

is_deeply(adds(sub { ask($c, "$dir/hi/$msn.m4s") }, @names),
          { connects => 0, audio_ms => SEGMENT_MS - 2 * PART_MS,
            repeats => 0 }, 'of a segment counts what is new');

my $next = $msn + 1;
my $path = "$dir/hi/$next.0.m4s";

is_deeply(adds(sub {
    my $r = ask($c, $path, Range => 'bytes=0-99');
    is($r->{status}, 206, 'a piece');
    $r = ask($c, $path, Range => 'bytes=100-');
    is($r->{status}, 206, 'another piece');
}, @names), { connects => 0, audio_ms => 0, repeats => 0 },
          'pieces do not count');

is_deeply(adds(sub {
    $c->request('HEAD', $path);
    my $r = $c->response();
    is($r->{status}, 200, 'a head');
    $r = ask($c, $path, 'If-None-Match' => $r->{headers}{etag});
    is($r->{status}, 304, 'not modified');
}, @names), { connects => 0, audio_ms => 0, repeats => 0 },
          'nor what has no body');

is_deeply(adds(sub {
    my $r = ask($c, $path, Range => 'bytes=0-');
    is($r->{status}, 206, 'a range of all');
}, @names), { connects => 0, audio_ms => PART_MS, repeats => 0 },
          'which counts');

my $bytes;
my $sent = adds(sub { $bytes = length(ask($c, $path)->{body}) }, 'bytes');
is($sent->{bytes}, $bytes, 'bytes of bodies are counted');

my $slow = Stentor::HTTP->new($node->port_http());
is_deeply(adds(sub {
    $slow->request('GET', "/slow/studio1/hi/$msn.m4s");
    $node->wait_until(sub { $slow->pump(); return length($slow->{in}) > 500 });
    $slow->close();
    gauges('a listener goes in the middle of a segment',
           sub ($h) { return $h->{connections} <= 2 });
}, qw(connects audio_ms)), { connects => 1, audio_ms => 0 },
          'what was not taken does not count');
$c->close();


# --- HTTP/2: a connection is a connection

my ($all, $got);
$all = adds(sub {
    $got = join(' ', map { "-o /dev/null https://127.0.0.1:$h2$dir/hi/$_.m4s" }
                     "$msn.0", "$msn.0", "$msn.1", $next);
    $got = `curl -sSk -w '%{http_version} %{size_download} ' $got`;
}, @names, 'bytes');
is(delete $all->{bytes}, List::Util::sum0($got =~ /2 (\d+) /g),
   'bytes of HTTP/2');
is(() = $got =~ /2 \d+ /g, 4, 'of four requests');
is_deeply($all, { connects => 1, audio_ms => 2 * PART_MS + SEGMENT_MS,
                  repeats => 1 }, 'are of one connection, parts count once');


# --- a socket for IPv6 that takes IPv4, too: addresses are addresses

my $unique = sub { return $node->stream('live/studio1')->{unique} };
my $before = $unique->();
my $url = "http://127.0.0.1:$dual$dir/hi/$msn.0.m4s";
is(`curl -sS -w '%{http_code}' -o /dev/null --interface $_ $url`, 200,
   "a part for $_") for '127.0.0.1', '127.0.0.2', '127.0.0.3';
is($unique->() - $before, 2, 'are of two others and of who came by IPv4');


# --- a crowd that listens, and one that does not

my $crowd = Stentor::Crowd->new([ $node->port_http() ], listeners => CROWD,
                                rate => 1000);
$crowd->hears();

my @bots = map { client() } 1 .. CROWD;
my $asks = sub {
    $_->request('GET', "$dir/hi.m3u8", 'User-Agent' => 'bot') for @bots;
    $_->response() // die "a bot gets no answer\n" for @bots;
};
my $within = sub ($n, $of = CROWD) { return abs($n - $of) <= $of * 0.02 };

gauges('listeners are right within 2%, so are those who only ask',
       sub ($h) {
    $asks->();
    $h = hls();
    return $within->($h->{listeners})
           && $within->($h->{trying} + $h->{joining});
});


# Figures of a moment in which each of the crowd had audio to play, before it
# and after, which a busy machine may deny it: such a one is waited for.

sub counted() {
    my $deadline = Time::HiRes::time() + 2 * $Stentor::Node::PATIENCE;

    while (Time::HiRes::time() < $deadline) {
        my @seen = $crowd->look();
        my $h = hls();
        push(@seen, $crowd->look());
        return $h if !grep { $_->{silent} || $_->{playing} < CROWD } @seen;
    }

    die "the crowd has nothing to play\n";
}


# each look at other times of parts
my @wrong = grep { !$within->($_->{listeners}) } map {
    $asks->();
    counted();
} 1 .. 10;
is(scalar(@wrong), 0, 'and stay so')
    or diag(join(', ', map { $_->{listeners} } @wrong));


# What is counted as sent beside what they have got, over so many parts of each
# that what is under way at both ends makes no difference.

sub audio_sent() {
    my @heard = $crowd->look();
    my $from = counted();
    push(@heard, $crowd->look());

    my $enough = $crowd->wait(sub ($s) {
        return $s->{parts} - $heard[1]{parts} >= 30 * CROWD;
    }, 3 * $Stentor::Node::PATIENCE) // die "the crowd hears nothing\n";

    my $to = counted();
    push(@heard, $enough, $crowd->look());

    my ($least, $most) = map {
        ($heard[$_->[0]]{parts} - $heard[$_->[1]]{parts}) * PART_MS
    } [ 2, 1 ], [ 3, 0 ];

    return ($to->{audio_ms} - $from->{audio_ms}, $least, $most,
            $to->{repeats} - $from->{repeats});
}

my ($audio_ms, $least, $most, $repeats) = audio_sent();
ok($audio_ms > $least * 0.92 && $audio_ms < $most * 1.08,
   'as much audio is counted as they have got')
    or diag("$audio_ms ms, not $least to $most");
is($repeats, 0, 'nobody of them repeats');


# --- a reload, and a worker that is killed

my $connects = hls()->{connects};
$node->reload();
gauges('after a reload they are the same, by new connections', sub ($h) {
    return $h->{connects} >= $connects + CROWD && $within->($h->{listeners});
});

$node->kill_worker('KILL');
gauges('after a worker was killed, too',
       sub ($h) { return $within->($h->{listeners}) });


# --- they leave

$_->close() for @bots;
$crowd->end();
gauges('who goes leaves', sub ($h) { return $h->{leaving} > CROWD / 2 });
gauges('and is gone', sub ($h) {
    return !grep { $h->{$_} } qw(listeners leaving joining trying);
});


# --- no requests

sub malformed($bytes, $port = $node->port_http()) {
    my $m = Stentor::HTTP->new($port);
    $m->send($bytes, 'GET');
    $m->response();
    $m->close();
}


# nginx may look a little longer for what else such a client sends

sub comes_to($n, $what) {
    gauges($what, sub ($h) { return $h->{malformed} >= $n });
    is(hls()->{malformed}, $n, 'no more');
}


malformed("HELLO\r\n\r\n");
malformed("GET / HTTP/1.1\r\n\r\n");
malformed('GET /' . 'x' x 40000 . " HTTP/1.1\r\nHost: a\r\n\r\n");
malformed("GET / HTTP/1.1\r\nHost: a\r\nX: " . 'x' x 40000 . "\r\n\r\n");
comes_to(4, 'what nginx cannot read is counted');

malformed("GET $dir/hi.m3u8?_HLS_part=1 HTTP/1.1\r\nHost: a\r\n\r\n");
malformed("GET /wrong/ HTTP/1.1\r\nHost: a\r\n\r\n");
malformed("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
malformed("HELLO\r\n\r\n");
comes_to(5, 'what others answer is not');

malformed("GET /wrong/ HTTP/1.1\r\nHost: a\r\n\r\n", $dual);
malformed("HELLO\r\n\r\n", $dual);
malformed("GET / HTTP/1.1\r\n\r\n", $dual);
malformed('GET / HTTP/1.1' . "\r\nHost: a" x 2 . "\r\n\r\n", $dual);
comes_to(8, 'a page for it changes nothing');

$b->stop();
$node->done('TERM');
done_testing();
