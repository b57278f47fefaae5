#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The webhook that is asked before a broadcaster may publish: what it is told,
# what becomes of its answers, and of there being none.  Keys come with the
# names, which no log and no status may show.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Kit;
use Stentor::Webhook;

use Time::HiRes qw(sleep time);


need('ffmpeg', 'openssl');

my $KEY = 'hush5ecret';
my $media = Stentor::Media::fixture();
my $elsewhere = Stentor::Webhook->start();
my $dead_port = Stentor::Node::free_port();
my $tls_port = Stentor::Node::free_port();
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
       . " -addext subjectAltName=DNS:localhost -keyout $dir/key.pem"
       . " -out $dir/cert.pem 2> $dir/openssl.log") == 0
    or die Stentor::Node::slurp("$dir/openssl.log");

sub says($status, $body) { return { status => $status, body => $body } }

# What each application's webhook answers; the path is its name.
my %answers = (
    empty => [says(200, '')],
    object => [says(200, '{}')],
    created => [201],
    more => [says(200, '{"hello": [1, {"name": "x"}]}')],
    rename => [says(200, '{"name": "public/one"}')],
    deny => [says(403, qq({"reason": "no $KEY\\u00e9 here\\n"}))],
    deny401 => [401],
    deny404 => [says(404, '<html>reason</html>')],
    deny429 => [says(429, '{"reason": 5}')],
    wordy => [says(400, '{"reason": "' . 'w' x 999 . '"}')],
    moved => [{ status => 302,
                head => 'Location: ' . $elsewhere->url('/') . "\r\n" }],
    ill => [503],
    dropped => [{ drop => 1 }],
    garbage => [says(200, "\xff\0not JSON {")],
    list => [says(200, '[]')],
    twice => [says(200, '{"track": 1, "track": 2}')],
    badname => [says(200, '{"name": "../etc"}')],
    longname => [says(200, '{"name": "' . 'n' x 64 . '/' . 'n' x 60 . '"}')],
    badtrack => [says(200, '{"track": 256}')],
    badrate => [says(200, '{"max_bitrate": "64k"}')],
    badtake => [says(200, '{"takeover": 0}')],
    huge => [says(200, '{"name": "' . 'x' x 20_000_000 . '"}')],
    denyhuge => [says(403, 'x' x 20_000_000)],
    mute => [{ never => 1 }],
    patient => [{ never => 1 }],
    slow => [{ status => 204, after => 1.5 }],
    ten => [{ status => 204, after => 1 }],
    many => [{ status => 204, after => 2 }],
    meter => [says(200, '{"max_bitrate": 64000}')],
    unmetered => [says(200, '{"max_bitrate": 0}')],
    yields => [says(200, '{"takeover": false}')],
    tracks => [says(200, '{"track": 1}')],
);

my $hook = Stentor::Webhook->start(answers => {
    map { ("/$_" => $answers{$_}) } keys %answers });

sub application($name, $url, $more = '', $directives = '') {
    return "application $name { on_publish $url $more;"
           . ' part_duration 200ms; window 8s; linger 1s; grace 400ms;'
           . " $directives }";
}

sub hook_url($path) { return $hook->url("/$path?token=hushtoken",
                                        'me:hushword') }

my %more = (mute => 'timeout=500ms', patient => 'timeout=30s',
            slow => 'timeout=10s', ten => 'timeout=10s',
            many => 'timeout=20s');
my @ill = qw(ill garbage mute);
my %directives = (unmetered => 'ingest_max_bitrate 64000;');

my ($node, $caster) = on_air(
    workers => 1, zone => '128m',
    stentor => join("\n    ",
        (map { application($_, hook_url($_), $more{$_} // '',
                           $directives{$_} // '') } sort keys %answers),
        (map { application("${_}_open", hook_url($_),
                           "fail=open timeout=500ms") } @ill),
        application('down', "http://me:hushword\@127.0.0.1:$dead_port/down"),
        application('down_open', "http://127.0.0.1:$dead_port/", 'fail=open'),
        application('tls', "https://localhost:$tls_port/hook"),
        'application slim { ingest_max_bitrate 64000; part_duration 200ms;'
        . ' window 8s; linger 1s; }',
    ),
    http => "server { listen 127.0.0.1:$tls_port ssl;"
            . " ssl_certificate $dir/cert.pem;"
            . " ssl_certificate_key $dir/key.pem;"
            . ' location / { return 200; } }',
);
my ($worker) = $node->worker_pids();
my $witness = Stentor::Listener->fork_run(120, port => $node->port_http(),
                                          edge => 1);

# A connection that has come as far as publishing.

sub arrive($app, %o) {
    my $s = Stentor::RTMP->connect(port => $node->port_rtmp(), app => $app,
                                   name => 's1', %o);
    $s->handshake();
    $s->set_chunk_size(4096);
    $s->connect_app($app);

    return $s;
}

# Asks to publish: (the session, what it was told).

sub knock($app, $name = "s1?key=$KEY") {
    my $s = arrive($app);
    return ($s, $s->ask_publish($name) // { code => 'nothing' });
}

sub let_in($app, $what, $name = "s1?key=$KEY") {
    my ($s, $said) = knock($app, $name);
    is($said->{code}, 'NetStream.Publish.Start', $what)
        or diag($said->{description});
    return $s;
}

sub refused($app, $code, $reason, $what, $name = "s1?key=$KEY") {
    my ($s, $said) = knock($app, $name);
    is($said->{level}, 'error', "$what: refused");
    is($said->{code}, "NetStream.Publish.$code", "$what: $code");
    like($said->{description}, $reason, "$what: and told why");
    $s->finish();
}

sub plays($s, $stream, $what) {
    $s->config($media->{asc});
    $s->frames($media->{frames}, 0, 20);
    ok($node->wait_stream($stream, sub ($st) {
        return $st && $st->{state} eq 'live' && $st->{session};
    }), $what);
}

sub ingest() { return $node->status()->{ingest} }


# --- what it is told

is(scalar(my @threads = glob("/proc/$worker/task/*")), 2,
   'nobody is asked where no directive says so: there is no thread');

my $s = let_in('empty', 'an empty answer lets in',
               "s1?key=$KEY&a=%41%26&b&c=x=y&a=2&=e&bad=%ff%zz&plus=a+b"
               . "&nul=%00&umlaut=%c3%a9");
my ($r) = $hook->wait_for(1, '/empty');

is($r->{method}, 'POST', 'the question is posted');
is($r->{query}, '?token=hushtoken', 'with the query of the URL');
like($r->{head}, qr/^content-type: application\/json\r?$/mi, 'as JSON');
like($r->{head}, qr/^user-agent: Stentor\/\d+\.\d+\.\d+\r?$/mi,
     'by Stentor');
like($r->{head}, qr/^authorization: Basic bWU6aHVzaHdvcmQ=\r?$/mi,
     'with the password of the URL');
is_deeply($r->{json}, {
    event => 'publish', stream => 'empty/s1', application => 'empty',
    name => 's1', address => '127.0.0.1', protocol => 'rtmp', user => '',
    encoder => 'FMLE/3.0 (compatible; FMSc/1.0)',
    params => { key => $KEY, a => 'A&', b => '', c => 'x=y', '' => 'e',
                bad => '?%zz', plus => 'a+b', nul => '?',
                umlaut => "\x{e9}" },
}, 'it says who wants to publish what');

plays($s, 'empty/s1', 'and he is heard');
$s->unpublish();

for my $app (qw(object created more)) {
    let_in($app, "answer of \"$app\": let in")->close();
}

refused('empty', 'BadName', qr/a stream name is letters/,
        'an impossible name', '../s1?key=x');
refused('empty', 'BadName', qr/too much comes/, 'too many parameters',
        's1?' . join('&', map { "k$_=$KEY" } 0 .. 64));
refused('empty', 'BadName', qr/too much comes/, 'long parameters',
        's1?key=' . $KEY x 410);
is(scalar($hook->requests('/empty')), 1, 'about which it is not asked');

# --- renamed

my $fixture = "$Stentor::Node::TOP/build/t";
my ($aac) = glob("$fixture/*.aac");
my $ffmpeg = Stentor::Encoder->start(
    url => $node->push_url("$KEY?key=$KEY", 'rename'), file => $aac,
    log => "$dir/ffmpeg.log");
ok($node->wait_stream('rename/public/one', sub ($st) {
    return $st && $st->{state} eq 'live'
           && ($st->{session}{audio_frames} // 0) > 0;
}), 'ffmpeg publishes under the name that was answered');
is($node->stream("rename/$KEY"), undef, 'not under his own');
$ffmpeg->stop();

# --- denied

refused('deny', 'Denied', qr/^no \Q$KEY\E\?\?* here\?$/, '403 with a reason');
refused('deny401', 'Denied', qr/^publishing is denied$/, '401');
refused('deny404', 'Denied', qr/^publishing is denied$/,
        '404 that is not JSON');
refused('deny429', 'Denied', qr/^publishing is denied$/,
        '429 whose reason is a number');
refused('wordy', 'Denied', qr/^w{200}$/, '400 of many words');
refused('denyhuge', 'Denied', qr/^publishing is denied$/,
        '403 of 20 megabytes');

$ffmpeg = Stentor::Encoder->start(
    url => $node->push_url("s1?key=$KEY", 'deny'), file => $aac,
    log => "$dir/denied.log");
ok($node->wait_until(sub { $ffmpeg->gone() }), 'ffmpeg gives up');
like(Stentor::Node::slurp("$dir/denied.log"), qr/no \Q$KEY\E.* here/,
     'and says why');

is(ingest()->{refused_webhook}, 7, 'denials are counted');
is(ingest()->{webhook_failures}, 0, 'which are no failures');
is(ingest()->{refused_name}, 3, 'and no bad names');

# --- no answer, or none of use

my $failed = 0;

sub fails($app, $what) {
    refused($app, 'Denied', qr/cannot be found out now$/, $what);
    $failed++;
}

fails('down', 'nobody there');
fails('tls', 'a certificate that nobody vouches for');
fails($_, "answer of \"$_\"")
    for qw(moved ill dropped garbage list twice badname longname badtrack
           badrate badtake huge);

is(scalar($elsewhere->requests()), 0, 'redirects are not followed');

my $t0 = time();
fails('mute', 'no answer in time');
cmp_ok(time() - $t0, '>', 0.45, 'not before its time-out');
cmp_ok(time() - $t0, '<', 5, 'but then');

is(ingest()->{webhook_failures}, $failed, 'failures are counted');
is(ingest()->{refused_webhook}, 7 + $failed, 'so are those refused');

for my $app ('down_open', map { "${_}_open" } @ill) {
    let_in($app, "$app: let in nevertheless")->close();
    $failed++;
}

is(ingest()->{webhook_failures}, $failed, 'which are failures, too');
is(ingest()->{refused_webhook}, 7 + @{[ qw(down tls moved ill dropped garbage
       list twice badname longname badtrack badrate badtake huge mute) ]},
   'and not refused');

# --- slow: nobody else is

my $slow = arrive('slow');
$slow->send_publish("s1?key=$KEY");
ok($hook->wait_for(1, '/slow'), 'a slow one is asked');

let_in('object', 'others are let in meanwhile')->close() for 1 .. 5;
$node->status() for 1 .. 50;
$slow->pump();
is($slow->on_status(0), undef, 'while it has not answered');
is($slow->on_status()->{code} // '', 'NetStream.Publish.Start',
   'then it has');
plays($slow, 'slow/s1', 'and he is heard');
$slow->close();

# audio that was sent before the answer is not lost, nor in the way
my $eager = arrive('ten');
$eager->send_publish("early?key=$KEY");
$eager->config($media->{asc});
$eager->frames($media->{frames}, 0, 20);
is($eager->on_status()->{code}, 'NetStream.Publish.Start',
   'one who does not wait is let in');
ok($node->wait_stream('ten/early', sub ($st) {
    return $st && ($st->{session}{audio_frames} // 0) == 20;
}), 'and all that he sent is heard');
$eager->close();

# --- ten, and too many, at once

sub crowd($app, $n) {
    my $before = () = $hook->requests("/$app");
    my @crowd = map { arrive($app) } 1 .. $n;
    $crowd[$_ - 1]->send_publish("c$_?key=$KEY") for 1 .. $n;

    my $in = grep { (($_->on_status() // {})->{code} // '')
                    eq 'NetStream.Publish.Start' } @crowd;
    is($in, $n, "$n at once: all are let in");

    my @asked = (sort { $a->{time} <=> $b->{time} }
                 $hook->wait_for($before + $n, "/$app"))[$before .. $before
                                                         + $n - 1];
    $_->close() for @crowd;
    return @asked;
}

my @ten = crowd('ten', 10);
cmp_ok($ten[9]{time} - $ten[0]{time}, '<', 1,
       'ten are asked about before the first is answered');

my @many = crowd('many', 70);
cmp_ok($many[63]{time} - $many[0]{time}, '<', 2, '64 at once');
cmp_ok($many[64]{time} - $many[0]{time}, '>=', 1.95,
       'the next one when one is answered');

# --- who leaves while it is asked

sub leaves($how, $leave) {
    my $closed = () = grep { $_->{what} eq 'closed'
                             && ($_->{path} // '') eq '/patient' }
                      $hook->seen();
    my $asked = () = $hook->requests('/patient');
    my $s = arrive('patient');

    $s->send_publish("s1?key=$KEY");
    $hook->wait_for($asked + 1, '/patient');
    $leave->($s);

    my $gone = $hook->wait_entry(sub ($e) {
        return (() = grep { $_->{what} eq 'closed'
                            && ($_->{path} // '') eq '/patient' }
                     $hook->seen()) > $closed;
    });
    ok($gone, "he leaves ($how): the question is dropped");
}

leaves('in order', sub ($s) { $s->close() });
leaves('by reset', sub ($s) { $s->close(reset => 1) });
leaves('with audio on its way', sub ($s) {
    $s->config($media->{asc});
    $s->frames($media->{frames}, 0, 20);
    $s->close();
});

my $left = () = $node->log() =~ /broadcaster left before he was let in/g;
is($left, 3, 'that is logged');

# --- options: bit rate

refused('tracks', 'BadName', qr/^a track is a number from 0 to 255$/,
        "track=$_", "s1?track=$_") for qw(256 -1 x);

sub too_much($app, $what) {
    my $s = let_in($app, "$what: let in");
    $s->video('v' x 30_000, 0) for 1 .. 3;
    my $said = $s->on_status() // {};
    is($said->{code}, 'NetStream.Publish.Denied', 'but not with so much');
    is($said->{description}, 'more than 64000 bit/s are not taken', 'and why');
    $s->finish();
}

too_much('meter', 'max_bitrate in the answer');
too_much('slim', 'ingest_max_bitrate');
is(ingest()->{refused_bitrate}, 2, 'both are counted');

# the burst behind a stall: eight seconds of what is allowed
$s = let_in('slim', 'a burst: let in', 'burst');
$s->video('v' x 60_000, 0);
plays($s, 'slim/burst', 'a burst is taken');
$s->close();

$s = let_in('unmetered', 'max_bitrate 0: let in', 'burst');
$s->video('v' x 60_000, 0) for 1 .. 5;
plays($s, 'unmetered/burst', 'there is no limit then');
$s->close();

# --- options: takeover

my $first = let_in('yields', 'takeover false: the first one');
my $second = let_in('yields', 'and a second one while nobody is heard');
plays($first, 'yields/s1', 'the first one is heard');
$second->config($media->{asc});
my $said = $second->on_status() // {};
is($said->{code}, 'NetStream.Publish.BadName', 'the second one is not');
is($said->{description}, 'another session publishes the stream', 'and why');
$second->finish();

refused('yields', 'BadName', qr/^another session publishes the stream$/,
        'one who comes later');
is(ingest()->{refused_taken}, 2, 'both are counted');
is(ingest()->{takeovers}, 0, 'nobody took it over');

$first->close();
ok($node->wait_stream('yields/s1', sub ($st) { !$st->{session} }),
   'the first one leaves');
$s = let_in('yields', 'then another may come');
plays($s, 'yields/s1', 'and is heard');
$s->close();

# --- options: track

# what names no track, and track 2, are broken; track 1 is good.  In one piece:
# how many frames there were is shown when he is first heard.

sub two_tracks($app, $name, $what) {
    my $s = let_in($app, $what, $name);
    my $stream = "$app/" . $name =~ s/\?.*//r;
    my @audio = ("\x95\x00mp4a\x01$media->{asc}",
                 map { ("\xaf\x01broken", "\x95\x01mp4a\x02broken",
                        "\x95\x01mp4a\x01$media->{frames}[$_]") } 0 .. 19);

    $s->send(join('', map {
        Stentor::RTMP::message(Stentor::RTMP::AUDIO, $audio[$_], csid => 4,
                               ts => 7 * $_, sid => $s->{sid}, size => 4096)
    } 0 .. $#audio));

    ok($node->wait_stream($stream, sub ($st) {
        return $st && ($st->{session}{audio_frames} // 0) == 20;
    }), "$what: track 1 is heard");
    $s->close();
}

two_tracks('tracks', "s1?key=$KEY", 'the answer names the track');
two_tracks('object', "two?track=1&track=7", 'the broadcaster does');

# --- a reload while it is asked

my $asked = () = $hook->requests('/slow');
$s = arrive('slow');
$s->send_publish("again?key=$KEY");
$hook->wait_for($asked + 1, '/slow');
$node->reload();
is($s->on_status()->{code} // '', 'NetStream.Publish.Start',
   'a reload: he is let in by the old worker');
plays($s, 'slow/again', 'and is heard');
$s->close();

# --- the end

conforms('a live stream never noticed', @{ $witness->join()->{violations} });
is($node->stream('live/studio1')->{repairs}{gaps_filled}, 0,
   'nor its broadcaster');

my $log = $node->log();
my $port = $hook->{port};

sub logged($level, $text, $what) {
    like($log, qr/\[$level\].*\Q$text\E/, $what);
}

logged('info', "refused: http://127.0.0.1:$port/deny says so, status 403",
       'a denial is logged');
logged('error', "http://127.0.0.1:$port/ill has not said whether to let in a"
       . ' broadcaster, who is refused: status 503', 'a failure');
logged('error', "http://127.0.0.1:$port/ill has not said whether to let in a"
       . ' broadcaster, who is let in: status 503', 'one that is open');
logged('error', ": no answer in time", 'a time-out');
logged('error', ": the answer is too long", 'a huge answer');
logged('error', ": the answer is not a JSON object", 'garbage');
logged('error', "refused: SSL peer certificate", 'a certificate');

my $public = $node->get('/status')->{body} . $node->get('/metrics')->{body};
unlike($public, qr/hush/, 'no status shows a key');

# as many as may be asked about, which are given up when the worker ends

my @crowd = map { arrive('patient') } 0 .. 512;
$_->send_publish("s1?key=$KEY") for @crowd;
is($crowd[512]->on_status()->{code}, 'NetStream.Publish.Denied',
   'one too many is refused at once');
is(scalar(grep { defined $_->on_status(0) } @crowd[0 .. 511]), 0,
   'the others wait');
like($node->log(), qr/is refused: too many questions/, 'that is logged');

$caster->stop();
$node->stop('TERM');
unlike($node->log() . $node->stderr()
       . Stentor::Node::slurp($node->dir() . '/access.log'),
       qr/hush|bWU6aHVzaHdvcmQ/, 'no log shows a key, password or token');
$node->done('TERM');

# --- the time that it takes is not the broadcaster's

my $hasty = Stentor::Node->new(
    application => 'on_publish ' . hook_url('slow') . ' timeout=10s;',
    stream_server => 'stentor_rtmp_handshake_timeout 1s;'
                     . ' stentor_rtmp_media_timeout 1s;');
$s = Stentor::RTMP->connect(port => $hasty->port_rtmp());
$s->handshake();
$s->connect_app('live');
is($s->ask_publish('late')->{code} // '', 'NetStream.Publish.Start',
   'neither time-out counts while it is asked');
ok($s->wait_close(), 'but then');
is($hasty->status()->{ingest}{timeouts}, 1, 'as a time-out');
$hasty->done();

# --- several workers: whoever has it, it is not taken

my $two = Stentor::Node->new(reuseport => 1, workers => 2, linger => '10s',
    application => 'on_publish ' . hook_url('yields') . ';');
$caster = broadcaster($two);

for my $i (1 .. 6) {
    my $s = Stentor::RTMP->connect(port => $two->port_rtmp(), app => 'live',
                                   name => 'studio1');
    $s->handshake();
    $s->connect_app('live');
    is($s->ask_publish('studio1')->{code}, 'NetStream.Publish.BadName',
       "two workers: refused, $i");
    $s->finish();
}

is($two->status()->{ingest}{takeovers}, 0, 'nobody took it over');
$caster->stop();
$two->done('TERM');

# --- what nginx -t says

for my $line ('ftp://me:hushword@host/', '/hook', '""', 'http:///x',
              'http://h/ timeout=0', 'http://h/ timeout=99ms',
              'http://h/ timeout=31s', 'http://h/ timeout=soon',
              'http://h/ fail=maybe', 'http://h/ retry=1')
{
    my ($rc, $out) = Stentor::Node->check(application => "on_publish $line;");
    is($rc, 1, "refused: $line");
    unlike($out, qr/hush/, 'without the password');
}

for my $line ('http://h', 'https://[::1]:8443/a?b=c timeout=30s fail=closed',
              'http://h/ fail=open timeout=100ms')
{
    is((Stentor::Node->check(application => "on_publish $line;"))[0], 0,
       "taken: $line");
}

is((Stentor::Node->check(application => 'ingest_max_bitrate 7999;'))[0], 1,
   'refused: an ingest_max_bitrate below all audio');
like((Stentor::Node->check(application =>
          'on_publish http://a/; on_publish http://b/;'))[1],
     qr/"on_publish" directive is duplicate/, 'refused: two of them');

done_testing();
