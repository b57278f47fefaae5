#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The verdict of a node: a crowd of real listeners is never called an attack,
# however they come; each kind of flood is, and not any more when it is over,
# and who listens meanwhile notices nothing; streams are silent, or lose their
# source.

use v5.36;

use Test::More;
use Time::HiRes qw(time sleep);

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Crowd;
use Stentor::Flood;
use Stentor::Kit;
use Stentor::Lag;

need('ffmpeg', 'cc', 'openssl');


# So long it may take till a flood is called what it is, and till it is not
# any more; figures are means of four seconds.
my $PATIENCE = $Stentor::Node::PATIENCE + 6;

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($cert, $key) = Stentor::Authority->new(dir => $dir)->issue();
my $tls = Stentor::Node::free_port();
my $h2 = Stentor::Node::free_port();

my ($node, $b) = on_air(part_duration => '1s', segment_parts => 2,
    connections => 8192, linger => '60s', zone => '64m',
    application => 'stream kept; dead_air -50dB 2s;',
    http_server => "listen 127.0.0.1:$tls ssl; ssl_certificate $cert;"
                   . " ssl_certificate_key $key; listen 127.0.0.1:$h2 http2;");


# Every verdict of so many seconds, or until test->(status) is true: what was
# seen, "state" and "attack", each once.

sub watch($seconds, $test = sub ($s) { 0 }) {
    my %seen;
    my $deadline = time() + $seconds;

    while (time() < $deadline) {
        my $s = eval { $node->status() };
        next if !$s || !$s->{verdict};

        $seen{$_} = 1 for $s->{verdict}{state}, @{ $s->{verdict}{attacks} };
        last if $test->($s);

        sleep(0.2);
    }

    return \%seen;
}


sub attacks($s) { return "@{ $s->{verdict}{attacks} }" }


sub calm($seen, $what) {
    delete @$seen{qw(healthy crowded)};
    return is(join(', ', sort keys %$seen), '', "$what is no attack");
}


sub errors($seen) {
    my $e = $seen->{errors};
    return join(' ', map { "$_=$e->{$_}" } grep { $e->{$_} } sort keys %$e);
}


# Nobody ran dry for longer than the machine stood still.

sub no_stalls($heard, $lag, $what) {
    cmp_ok($heard->{longest_stall_ms}, '<=', $lag->ms(), $what)
        or diag("$heard->{stalls} stalls");
}


# --- crowds

my $lag = Stentor::Lag->new();
my $crowd = Stentor::Crowd->new([ $node->port_http() ], listeners => 100,
                                rate => 500);
my $seen = watch(5);
ok($crowd->hears(), 'a crowd hears something');
calm($seen, 'a calm crowd');

# --- floods, one after the other: while one is there, the one before it ends

sub get($path) { return "GET $path HTTP/1.1\r\nHost: a\r\n\r\n" }

sub get_playlist($query = '') {
    return get("/live/studio1/audio.m3u8$query");
}

sub get_part() {
    my $parts = playlist($node)->{segments}[-1]{parts};
    return get("/live/studio1/$parts->[0]{URI}");
}


# The beginning of HTTP/2: settings, and a head that is not all here.

sub begin_h2() {
    return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
           . "\0\0\0\4\0\0\0\0\0"
           . "\0\4\0\1\1\0\0\0\1\x82";
}


# some two at once; names of attacks as the status orders them
my @FLOODS = (
    [ [ 'connect-only', connections => 1500 ],
      [ 'malformed', connections => 50, rate => 400,
        request => sub { get_playlist('?_HLS_part=7') } ] ],
    [ [ 'slow-loris', connections => 800, drip => 'a',
        first => "GET /live/studio1/audio.m3u8 HTTP/1.1\r\nX-A: " ],
      [ 'playlist-only', connections => 300, rate => 1000,
        request => \&get_playlist ] ],
    [ [ 'hammering', connections => 100, rate => 800,
        request => \&get_part ],
      [ 'malformed', fresh => 1, rate => 300, port => $tls,
        request => sub { "\x16\x03\x01\x00\x20" . "\x55" x 32 } ] ],
    [ [ 'playlist-only', fresh => 1, rate => 1000,
        request => \&get_playlist ] ],
    [ [ 'hammering', fresh => 1, rate => 800, request => \&get_part ] ],
    [ [ 'slow-loris', connections => 800, port => $h2, drip => 'a',
        first => begin_h2() ] ],
);

my @before;

for my $round (@FLOODS) {
    my @kinds = map { $_->[0] } @$round;

    my @floods = map {
        my (undef, %o) = @$_;
        $o{request} = $o{request}->() if $o{request};
        Stentor::Flood->start(port => $node->port_http(), %o);
    } @$round;

    my $s;

    $seen = watch($PATIENCE, sub ($now) {
        $s = $now;
        return attacks($s) eq "@kinds";
    });

    $_->stop() for @floods;
    is(attacks($s), "@kinds", "a flood of @kinds")
        or diag(explain($s->{verdict}));
    is($s->{verdict}{state}, 'under attack', 'is an attack');

    delete @$seen{qw(healthy crowded), 'under attack', @kinds, @before};
    is(join(', ', sort keys %$seen), '', 'and no other');

    @before = @kinds;
}

$seen = watch($PATIENCE, sub ($s) { return attacks($s) eq '' });
$seen = $node->status();
is(attacks($seen), '', 'it is over when it is over');
like($seen->{verdict}{state}, qr/^(?:healthy|crowded)$/, 'and the node well');

my $heard = $crowd->end();
is($heard->{wrong}, 0, 'who listened meanwhile heard what is right');
is(errors($heard), '', 'without an error');
no_stalls($heard, $lag, 'nor a stall');

like($node->log(), qr/\[warn\].*the node is now under attack: \d+ \w+/,
     'it is logged');
like($node->get('/metrics')->{body},
     qr/^stentor_attacks_total\{kind="hammering"\} 2$/m, 'and counted');


# --- more crowds

my $storm = Stentor::Crowd->new([ $node->port_http() ], listeners => 1500,
                                rate => 3000);
$seen = watch(7);
ok($storm->hears(), 'a storm of listeners hears something');
calm($seen, 'a join storm');
ok($node->wait_status(sub ($s) {
    return $s->{verdict} && !$s->{verdict}{figures}{mute};
}), 'all of them have asked');

my $owner = $node->stream('live/studio1')->{owner_pid};
$node->kill_worker('KILL', grep { $_ != $owner } $node->worker_pids());
$seen = watch(7);
calm($seen, 'a wave of reconnections');
ok($storm->wait(sub ($s) { !$s->{silent} }, $PATIENCE), 'all are back');
is($storm->end()->{wrong}, 0, 'who came in a storm heard what is right');


# --- sources

# The node's verdict and one stream's.

sub verdict_is($state, $name, $is, $what) {
    my $s = $node->wait_status(sub ($s) {
        my $st = $node->stream("live/$name", $s) // return 0;
        return $s->{verdict}{state} eq $state && $st->{verdict} eq $is;
    }, $PATIENCE, $what);

    return ok($s, $what);
}


verdict_is('healthy', 'kept', 'healthy',
           'a stream that waits for its first broadcaster is well');

$lag = Stentor::Lag->new();
my $few = Stentor::Crowd->new([ $node->port_http() ], listeners => 5);
$few->hears();
$b->stop();
verdict_is('source lost', 'studio1', 'source lost',
           'a stream that is listened to has lost its broadcaster');
$few->mark();

my $silence = Stentor::Media::fixture(name => 'verdict-silence',
    source => 'anullsrc=channel_layout=stereo:sample_rate=48000');
$b = broadcaster($node, media => $silence);
verdict_is('silent', 'studio1', 'silent', 'he is back, and sends silence');
no_stalls($few->end(), $lag, 'nobody stalls for that');

$b->stop();
verdict_is('healthy', 'studio1', 'healthy', 'nobody listens, nothing is lost');

$b = broadcaster($node, name => 'kept');
$b->stop();
verdict_is('source lost', 'kept', 'source lost',
           'unless it is to be open in any case');

$node->done('TERM');
done_testing();
