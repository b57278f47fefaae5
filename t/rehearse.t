#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# scripts/rehearse: each scenario that comes with it, small and hurried, is
# played against a real node and passes; what goes wrong, fails, with the
# right limits; TLS, HTTP/2 and several processes are what they claim to be;
# a scenario that is none is refused with its line.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../rehearse";

use Rehearse::Crowds;
use Rehearse::Limits;
use Rehearse::Scenario;

use Stentor::Authority;
use Stentor::Kit;
use Stentor::TcpProxy;

use POSIX ();
use Time::HiRes qw(time sleep);

need('cc', 'make', 'openssl');

my $top = $Stentor::Node::TOP;
my $dir = File::Temp::tempdir(CLEANUP => 1);


# --- scenarios as text

sub parsed(@lines) {
    my $s = eval { Rehearse::Scenario->parse('x', map { "$_\n" } @lines) };
    return $s // $@;
}


my @least = ('length 1m', 'join 0s..10s 50%');
my $s = parsed('title a b  # c', 'players low-latency 90% classic 10%', @least,
               'join 1s..2s 20% rising bots', 'limit stalls 0');

like($s, qr/^x:5: there is no kind "bots"/, 'a kind that there is not');

$s = parsed('title a b  # c', 'players low-latency 90% classic 10%', @least,
            'join 1s..2.5s 20% rising one-part', 'at 500ms cut 2s',
            'limit first_audio_p99 1.5s', 'limit heard 99%');

is($s->{title}, 'a b', 'a title, less the comment');
is($s->{length}, 60, 'a length');
is_deeply($s->{players}, { 'low-latency' => 90, classic => 10 }, 'players');
is_deeply($s->{joins}[1], { from => 1, to => 2.5, share => 0.2, rising => 1,
                            mix => { 'one-part' => 100 } }, 'a join');
is_deeply($s->{events}, [ { at => 0.5, what => 'cut', value => 2 } ],
          'an event');
is($s->{limits}[0]{value}, 1500, 'a limit in its unit');
is($s->all(1000), 700, 'how many come in all');
is($s->hurry(10)->{events}[0]{value}, 0.2, 'hurried');

my %bad = (
    'x:3: "dance" is nothing' => [ @least, 'dance now' ],
    'x:3: "soon" is no time' => [ @least, 'at soon cut 2s' ],
    'x:3: what is "jump"' => [ @least, 'at 1s jump 2s' ],
    'x:3: it ends before it begins' => [ @least, 'join 9s..8s 1%' ],
    'x:3: there is no limit "luck"' => [ @least, 'limit luck 1' ],
    'x:3: lateness_p99 wants one of ms, s' => [ @least,
                                                'limit lateness_p99 9%' ],
    'x:3: how many' => [ @least, 'listeners none' ],
    'x: it has no length' => [ $least[1] ],
    'x: nobody joins' => [ $least[0] ],
    'x: something happens after its end' => [ @least, 'at 61s cut 1s' ],
);

like(parsed(@{ $bad{$_} }), qr/^\Q$_\E/, $_) for sort keys %bad;


# --- sums of several processes

my $sum = {};
Rehearse::Crowds::add($sum, $_) for
    { parts => 2, longest_stall_ms => 5, errors => { lost => 1 },
      late_ms => { n => 3, min => 1, max => 9, bins => [ [1, 2], [9, 1] ] } },
    { parts => 3, longest_stall_ms => 4, errors => { lost => 2 },
      late_ms => { n => 1, min => 20, max => 20, bins => [ [20, 1] ] } };
Rehearse::Crowds::percentiles($sum, 'late_ms');

is_deeply($sum, { parts => 5, longest_stall_ms => 5, errors => { lost => 3 },
                  late_ms => { n => 4, min => 1, max => 20, median => 9,
                               p90 => 20, p99 => 20 } }, 'are sums');


# --- verdicts

my ($cpu, $tool) = Rehearse::Limits::judge(
    { tool => { busiest => 81 }, server => {} },
    Rehearse::Limits::read('server_cpu 30us'));
is($cpu->{ok}, undef, 'what is not known is not judged');
is($tool->{ok}, 0, 'a tool that is too busy fails');

my ($least, $most) = Rehearse::Limits::judge(
    { tool => { busiest => 0 },
      players => { started => 98, joins => 100, stalls => 2 } },
    map { Rehearse::Limits::read($_) } 'heard 99%', 'stalls 2%');
is($least->{ok}, 0, 'the least that has to be');
is($most->{ok}, 1, 'the most that may be');

my $doc = Stentor::Node::slurp("$top/docs/rehearsal.md");
like($doc, qr/^\| `\Q$_\E` \|/m, "$_ is documented")
    for map { s{.*/(.*)\.conf$}{$1}r } glob("$top/rehearse/scenarios/*.conf");
like($doc, qr/`$_`/, "so are $_ listeners") for @Rehearse::Scenario::KINDS;


# --- the real ones

my $authority = Stentor::Authority->new(dir => $dir);
my ($pem, $key) = $authority->issue('127.0.0.1');
my $tls = Stentor::Node::free_port();
my ($node, $b) = on_air(connections => 4000, http_server => <<"END");
listen 127.0.0.1:$tls ssl http2;
        ssl_certificate $pem;
        ssl_certificate_key $key;
END

my $proxy = Stentor::TcpProxy->new(port => $node->port_http());
my $path = '/live/studio1/index.m3u8';
my $plain = 'http://127.0.0.1:' . $node->port_http() . $path;
my $second = 'http://127.0.0.1:' . $proxy->port() . $path;


# (exit status, report, what it said) of scripts/rehearse.

sub rehearse(@args) {
    my $said = `$top/scripts/rehearse @args --quiet --json $dir/r.json 2>&1`;
    my $status = $? >> 8;
    my $json = Stentor::Node::slurp("$dir/r.json");

    unlink("$dir/r.json");
    return ($status, $json ? JSON::PP::decode_json($json) : undef, $said);
}


sub scenario(@lines) {
    Stentor::Node::spew("$dir/s.conf", join("\n", @lines, ''));
    return "$dir/s.conf";
}


# Those limits that failed.

sub failed($r) {
    return join(' ', sort map { $_->{name} }
                     grep { defined $_->{ok} && !$_->{ok} }
                     @{ $r->{limits} });
}


# Limits on time and stalls are for a machine that has nothing else to do:
# here they are widened, since what is to be shown is that scenarios are
# played.

sub widened($name) {
    my $text = Stentor::Node::slurp("$top/rehearse/scenarios/$name.conf");

    $text =~ s/^(limit\s+(?:first_audio_p99|lateness_p99|longest_stall))\s.*
              /$1 4s/mgx;
    $text =~ s/^(limit\s+stall\w+)\s.*/$1 200%/mg;
    Stentor::Node::spew("$dir/$name.conf", $text);
    return "$dir/$name.conf";
}


for my $name (qw(steady join-storm churn slow-readers bots reconnect-wave
                 doors-open))
{
    my $faster = $name eq 'doors-open' ? 40 : 20;
    my ($status, $r, $said) = rehearse(widened($name), '--url', $plain,
        '--listeners 60', '--faster', $faster, '--pid', $node->{pid},
        '--one-in 1');

    ok($status == 0 && $r->{pass}, "$name passes") or diag($said);
    like($said, qr/^PASS$/m, "$name: and says so");
    cmp_ok($r->{players}{parts}, '>', 60, "$name: parts are heard");

    cmp_ok($r->{players}{leaves}, '>', 20, 'who churns moves on')
        if $name eq 'churn';
    cmp_ok($r->{players}{reconnects}, '>=', 2 * 55, 'all are cut off, twice')
        if $name eq 'reconnect-wave';
    is($r->{others}{joins}, 60, 'bots are told apart') if $name eq 'bots';
    cmp_ok($r->{others}{errors}{'4xx'}, '>', 0, 'and what they get')
        if $name eq 'bots';
    cmp_ok($r->{server}{cpu_us}, '>', 0, 'the server works')
        if $name eq 'steady';
    cmp_ok($r->{players}{hinted}, '>', 20, 'parts are got before the playlist')
        if $name eq 'steady';
}


# --- an edge dies

my ($status, $r, $said) = rehearse('edge-death', '--url', $plain,
                                   '--url', $second);
is($status, 2, 'what a scenario needs is asked for');
like($said, qr/set EDGE_DEATH in the environment/, 'by name');

$ENV{EDGE_DEATH} = "kill -KILL $proxy->{pid}";
($status, $r, $said) = rehearse('edge-death', '--url', $plain,
                                '--url', $second);
is($status, 2, 'a command is not run unasked');

($status, $r, $said) = rehearse(widened('edge-death'), '--url', $second,
    '--url', $plain, '--listeners 40', '--faster 10', '--run --failover');
is($status, 0, 'an edge dies, and its listeners go elsewhere') or diag($said);
cmp_ok($r->{players}{errors}{lost}, '>=', 18, 'they lose a connection');
is($r->{players}{silent}, 0, 'all of them hear');
is(scalar(@{ $r->{ran} }), 1, 'what was run is told');


# --- what goes wrong, fails

$proxy = Stentor::TcpProxy->new(port => $node->port_http());
$second = 'http://127.0.0.1:' . $proxy->port() . $path;
my $frozen = scenario('title frozen', 'length 5s', 'join 0s..1s 100%',
    "at 2s run kill -STOP $proxy->{pid}", 'limit heard 100%',
    'limit stalls 0', 'limit longest_stall 500ms', 'limit wrong 0');

($status, $r, $said) = rehearse($frozen, '--url', $second,
                                '--listeners 20 --run');
kill('CONT', $proxy->{pid});
is($status, 1, 'a stream that freezes fails');
is(failed($r), 'longest_stall stalls', 'for its stalls');
is($r->{players}{silent}, 20, 'nobody hears anything');
like($said, qr/^FAIL: stalls, longest_stall$/m, 'and says so');
$proxy->stop();

($status, $r, $said) = rehearse(scenario('length 2s', 'join 0s..0s 100%',
    'limit heard 100%', 'limit first_audio_p99 1s'), '--url',
    $plain =~ s/studio1/nothere/r, '--listeners 3');
is($status, 1, 'a stream that is not there fails');
is(failed($r), 'first_audio_p99 heard', 'nobody hears it');


# --- who changes his mind while the demo's node starts

SKIP: {
    skip('that node is one without sanitizers', 3) if $ENV{STENTOR_ASAN};

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open(STDERR, '>', "$dir/demo.log");
        exec("$top/scripts/rehearse", qw(steady --demo --quiet))
            or POSIX::_exit(127);
    }

    my $run = "$top/build/rehearse-$pid";
    my $deadline = time() + 6 * $Stentor::Node::PATIENCE;
    sleep(0.01) while !-s "$run/nginx.pid" && time() < $deadline;
    chomp(my $nginx = Stentor::Node::slurp("$run/nginx.pid") // '');

    kill('INT', $pid);
    my $ended = 0;
    sleep(0.01) while !($ended = waitpid($pid, POSIX::WNOHANG()))
                      && time() < $deadline;

    ok($ended == $pid && $? >> 8 == 2, 'Ctrl-C ends it')
        or diag(Stentor::Node::slurp("$dir/demo.log"));
    ok($nginx && !kill(0, $nginx), 'and its node');
    ok(!-e $run, 'and leaves nothing');
}


# --- TLS, HTTP/2, resumption, several processes and addresses

my $short = scenario('length 3s', 'join 0s..1s 100%', 'at 1500ms cut 200ms',
                     'players low-latency 80% classic 20%',
                     'limit heard 100%', 'limit errors 0', 'limit wrong 0');
my $https = "https://127.0.0.1:$tls$path";
my @common = ($short, '--url', $https, '--listeners 20');

($status, $r) = rehearse(@common);
is($r->{players}{errors}{tls} > 0 && $status, 1,
   'a certificate that nobody knows');

{
    local $ENV{SSL_CERT_FILE} = $authority->{pem};
    ($status, $r, $said) = rehearse(@common);
    is($status, 0, 'one that is known') or diag($said);
}

is($r->{players}{handshakes}, 40, 'each shakes hands twice');
is($r->{players}{resumed}, 20, 'the second time the session is resumed');

($status, $r, $said) = rehearse(@common, '--insecure --http2',
    '--no-resumption --no-gzip --processes 2 --bind 127.0.0.1-3');
is($status, 0, 'HTTP/2') or diag($said);
is($r->{players}{resumed}, 0, 'without resumption');
is($r->{tool}{processes}, 2, 'by two processes');
is($r->{players}{joins}, 20, 'which share the listeners');

my $log = Stentor::Node::slurp($node->dir() . '/access.log');
like($log, qr{^127\.0\.0\.$_ .* HTTP/2\.0" 200 .*stentor-rehearse}m,
     "from 127.0.0.$_") for 1 .. 3;


# --- a stream that breaks off: its parts are real ones

my $p = playlist($node);
my $msn = $p->{segments}[-1]{msn};
my ($init, @parts) = fetch_all($node, map { "/live/studio1/$_" } $p->{map},
                               map { $_->{URI} }
                                   @{ $p->{segments}[-1]{parts} });

$b->stop();
$node->done('TERM');

my $other = Stentor::Node->new(plain => 1, http_server => <<'END');
location /live/busy/ { add_header Retry-After 1 always; return 503; }
        gzip on;
        gzip_min_length 1;
        gzip_types *;
END
my $at = 'http://127.0.0.1:' . $other->port_http() . '/live';
my $nobody = 'http://127.0.0.1:' . Stentor::Node::free_port() . '/live';


# Serves parts, which may be others than their names say, under the URIs of
# the variants.

sub serve($variants, @list) {
    my $to = $other->dir() . '/html/live/made';
    my $text = join("\n", '#EXTM3U', '#EXT-X-VERSION:9',
        '#EXT-X-TARGETDURATION:2', '#EXT-X-PART-INF:PART-TARGET=0.3',
        '#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=60',
        "#EXT-X-MEDIA-SEQUENCE:$msn", '#EXT-X-MAP:URI="init.mp4"', '');

    File::Path::make_path($to);
    Stentor::Node::spew("$to/init.mp4", $init);

    for my $i (0 .. $#list) {
        $text .= "#EXT-X-PART:DURATION=0.2,URI=\"$msn.$i.m4s\"\n";
        Stentor::Node::spew("$to/$msn.$i.m4s", $parts[$list[$i]]);
    }

    Stentor::Node::spew("$to/audio.m3u8", "$text#EXT-X-ENDLIST\n");
    Stentor::Node::spew("$to/index.m3u8",
                        join("\n", '#EXTM3U', @$variants, ''));
}


my @made = (scenario('length 1s', 'join 0s..0s 100%', 'limit wrong 0',
                     'limit heard 100%'),
            '--url', "$at/made/index.m3u8", '--listeners 3');

serve(['audio.m3u8'], 0 .. 3);
($status, $r, $said) = rehearse(@made);
is($status, 0, 'made up: good, compressed and in chunks') or diag($said);

serve(['audio.m3u8'], 0, 1, 3);
($status, $r, $said) = rehearse(@made);
is($status, 1, 'made up: a part is missing');
is($r->{players}{errors}{break}, 3, 'each listener sees it');
like($said, qr/^  continuity +3 breaks/m, 'it is told');

serve([ "$nobody/made/audio.m3u8", "$at/made/audio.m3u8" ], 0 .. 3);
($status, $r, $said) = rehearse(@made);
is($status, 0, 'a redundant variant is taken') or diag($said);
is($r->{players}{errors}{refused}, 3, 'when the first one is dead');

Stentor::Node::spew($other->dir() . '/html/live/made/audio.m3u8', <<"END");
#EXTM3U
#EXT-X-TARGETDURATION:1
#EXT-X-MAP:URI="init.mp4"
#EXTINF:0.2,
$msn.0.m4s
#EXTINF:0.2,
$msn.1.m4s
#EXT-X-ENDLIST
END
($status, $r, $said) = rehearse(@made);
is($status, 0, 'a playlist without parts is played') or diag($said);
is($r->{players}{downgraded}, 3, 'and told');

($status, $r, $said) = rehearse(scenario('length 3s', 'join 0s..0s 100%',
    'limit refused 0'), '--url', "$at/busy/index.m3u8", '--listeners 3');
is(failed($r), 'refused', 'who is not let in is refused');
cmp_ok($r->{players}{errors}{503}, '<=', 9, 'and waits as it is told');

$other->done();
done_testing();
