#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Events by webhook: what is posted, and what becomes of it with receivers
# that are well, ill, slow or not there.  All URLs have a password and a token
# in them, which no log may show.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Webhook;

use Cwd ();
use POSIX ();


need('ffmpeg');

my $media = Stentor::Media::fixture();
my $late_port = Stentor::Node::free_port();
my $elsewhere = Stentor::Webhook->start();

my $hook = Stentor::Webhook->start(only => 'takeover', answers => {
    '/flaky' => [500, 200],
    '/gone' => [{ drop => 1 }, 200],
    '/busy' => [{ status => 429, head => "Retry-After: 3\r\n" }, 200],
    '/bad' => [400, 200],
    '/moved' => [{ status => 302,
                   head => 'Location: ' . $elsewhere->url('/') . "\r\n" }],
    '/long' => [{ status => 200, body => 'x' x 20_000_000 }],
    '/mute' => [{ never => 1 }],
});

my @apps = qw(ok flaky gone busy bad moved long mute);
my $late = "http://me:secret\@127.0.0.1:$late_port/late?token=hush";

sub application($name, $url) {
    return "application $name { on_event $url; part_duration 200ms;"
           . ' window 8s; linger 1s; }';
}

sub hook_url($path) { return $hook->url("/$path?token=hush", 'me:secret') }

my ($node, $b) = on_air(
    workers => 1, zone => '64m',
    stentor => join("\n    ", (map { application($_, hook_url($_)) } @apps),
                    application('late', $late)),
);
my ($worker) = $node->worker_pids();
my $witness = Stentor::Listener->fork_run(120, port => $node->port_http(),
                                          edge => 1);

my %held;
my $takeovers = 0;

# Publishes a stream with one frame; the second time it is a takeover.  A
# session is heard before the next one can get as far: they share a worker.

sub publish($name) {
    my ($app, $key) = split('/', $name);
    my $s = Stentor::RTMP->open(port => $node->port_rtmp(), app => $app,
                                name => $key, asc => $media->{asc});
    $s->frames($media->{frames}, 0, 1);
    $takeovers++ if $held{$name};
    push(@{ $held{$name} }, $s);
}

sub takeover($name) {
    publish($name) if !$held{$name};
    publish($name);
}

sub events() { return $node->status()->{events} }


# --- one that is well

my $threads = () = glob("/proc/$worker/task/*");
is($threads, 2, 'without events there is no thread for them');

takeover('ok/s1');
my ($r) = $hook->wait_for(1, '/ok');
my $json = $r->{json};

is($r->{method}, 'POST', 'an event is posted');
is($r->{query}, '?token=hush', 'with the query of the URL');
like($r->{head}, qr/^content-type: application\/json\r?$/mi, 'as JSON');
like($r->{head}, qr/^user-agent: Stentor\/\d+\.\d+\.\d+\r?$/mi,
     'by Stentor');
like($r->{head}, qr/^authorization: Basic bWU6c2VjcmV0\r?$/mi,
     'with the password of the URL');
is(join(' ', sort keys %$json), 'address event id node pid stream time',
   'its members');
is($json->{event}, 'takeover', 'event');
is($json->{stream}, 'ok/s1', 'stream');
is($json->{address}, '127.0.0.1', 'address');
is($json->{pid}, $worker, 'pid');
is($json->{node}, lc((POSIX::uname())[1]), 'node');
like($json->{id}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}
                     -[0-9a-f]{12}$/x, 'id is a UUID of version 7');
like($r->{head}, qr/^idempotency-key: \Q$json->{id}\E\r?$/mi,
     'which is in the header too');

my ($y, $mon, $d, $h, $min, $sec) = $json->{time}
    =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{3}Z$/;
ok(defined $y, 'time is in ISO 8601');

{
    local $ENV{TZ} = 'UTC';
    POSIX::tzset();
    my $t = POSIX::mktime($sec, $min, $h, $d, $mon - 1, $y - 1900);
    cmp_ok(abs($t - $r->{time}), '<', 3, 'and is the time');

    my ($high, $low) = $json->{id} =~ /^(\w{8})-(\w{4})/;
    is(int((hex($high) * 65536 + hex($low)) / 1000), $t,
       'that the id says, too');
}

# bits 1, 2, 3, 10, 12, 14, 15 and 17: all that nginx is told by signals
my $signals = 0;
$signals |= 1 << $_ - 1 for 1, 2, 3, 10, 12, 14, 15, 17;

for my $task (glob("/proc/$worker/task/*")) {
    next if $task =~ m{/$worker$};
    my ($mask) = (Stentor::Node::slurp("$task/status") // next)
                 =~ /^SigBlk:\s*(\w+)/m;
    is(hex(substr($mask, -8)) & $signals, $signals,
       'a thread takes no signals');
}

# --- one that never answers stands in nobody's way

takeover('mute/s1');
ok($hook->wait_for(1, '/mute'), 'one that never answers has an event');
takeover('mute/s1');
takeover('flaky/s1');
takeover('ok/s1');
ok($hook->wait_for(2, '/ok') >= 2, 'another URL gets its own');

my @flaky = $hook->wait_for(2, '/flaky');
is(scalar(@flaky), 2, '500: posted again');
is($flaky[0]{body}, $flaky[1]{body} // '', 'the same event');
cmp_ok($flaky[1]{time} - $flaky[0]{time}, '>', 0.7, 'a second later');

is(scalar(grep { $_->{what} eq 'closed' && $_->{path} eq '/mute' }
          $hook->seen()), 0, 'all while the first one still waits');

# --- those that are ill, all at once

takeover("$_/s1") for qw(gone busy bad moved long);
takeover("late/s$_") for 1 .. 3;

is(scalar(my @gone = $hook->wait_for(2, '/gone')), 2,
   'a connection that is lost: posted again');

# how the long answer ends: cut off, not read to its end
my $cut = $hook->wait_entry(sub ($e) { $e->{what} eq 'closed'
                                       && ($e->{path} // '') eq '/long' });
ok($cut && $cut->{unsent} > 0, 'a long answer is cut off');
is(scalar($hook->requests('/long')), 1, 'its status counts');

my @busy = $hook->wait_for(2, '/busy');
cmp_ok($busy[1]{time} - $busy[0]{time}, '>=', 2.99,
       '429: not before Retry-After');

# what came after the refused one on the same connection's queue
takeover('bad/s2');
is(scalar(my @bad = $hook->wait_for(2, '/bad')), 2,
   '400: the next event is posted');
isnt($bad[0]{json}{id}, $bad[1]{json}{id}, 'not the same again');
is($bad[1]{json}{stream}, 'bad/s2', 'but what followed');

# --- one that comes late

ok($node->wait_status(sub ($s) {
    return $node->log() =~ /events for \S+:$late_port\/late are delayed/;
}), 'one that is not there is waited for');

my $receiver = Stentor::Webhook->start(only => 'takeover',
                                       port => $late_port);
my @late = $receiver->wait_for(3, '/late', 20);
is(join(' ', map { $_->{json}{stream} } @late), 'late/s1 late/s2 late/s3',
   'it gets all, in order');

# --- what is counted and logged

# all takeovers but two that were refused and two that wait
my $s = $node->wait_status(sub ($s) {
    return $s->{events}{sent} >= $takeovers - 4;
});
is($s->{events}{failed}, 2, 'refused events are counted') if $s;
cmp_ok(events()->{retries}, '>=', 4, 'retries are counted');
is(events()->{dropped}, 0, 'nothing is dropped');
is(scalar($elsewhere->requests()), 0, 'redirects are not followed');

my @mute = $hook->wait_for(2, '/mute');
is(scalar(@mute), 2, 'the silent one is tried again');
is($mute[1]{body}, $mute[0]{body}, 'with the same event, not the next one');

my $port = $hook->{port};
my $log = $node->log();
sub logged($level, $text, $what) {
    like($log, qr/\[$level\].*\Q$text\E/, $what);
}

logged('error', 'event "takeover" of stream "bad/s1" is given up: '
       . "http://127.0.0.1:$port/bad, status 400",
       'an event given up is logged');
logged('error', 'event "takeover" of stream "moved/s1" is given up: '
       . "http://127.0.0.1:$port/moved, status 302", 'so is a redirect');
logged('warn', "events for http://127.0.0.1:$port/flaky are delayed: "
       . 'status 500', 'and a failure');

conforms('a live stream never noticed', @{ $witness->join()->{violations} });
is($node->stream('live/studio1')->{repairs}{gaps_filled}, 0,
   'nor its broadcaster');

# --- what nginx -t says

sub nginx_t($line) {
    my $conf = Stentor::Node::slurp($node->dir() . '/nginx.conf');
    my $to = $node->dir() . '/checked.conf';
    my $dir = $node->dir();

    $conf =~ s/on_event [^;]*;/$line/ or die "no on_event\n";
    $conf =~ s/^error_log.*$/error_log $dir\/checked.log;/m;
    Stentor::Node::spew($to, $conf);

    chomp(my $asan = `gcc -print-file-name=libasan.so`) if $ENV{STENTOR_ASAN};
    local $ENV{LD_PRELOAD} = $asan if defined $asan;
    my $out = `$node->{nginx} -t -p $dir -e $dir/checked.log -c $to 2>&1`;

    return ($? >> 8, $out);
}

for my $url ('ftp://me:secret@host/?token=hush', '/events', 'host',
             'http://', 'http:///events', 'http://host:123456/',
             '"http://me:secret@ho st/?token=hush"', 'https://', '""')
{
    my ($rc, $out) = nginx_t("on_event $url;");
    is($rc, 1, "refused: $url");
    like($out, qr/"on_event" directive has no valid http/, 'with the reason');
    unlike($out, qr/secret|hush/, 'and without the URL');
}

for my $url ('http://host', 'HTTPS://me:secret@[::1]:8443/a?b=c') {
    is((nginx_t("on_event $url;"))[0], 0, "taken: $url");
}

like((nginx_t('on_event http://a/; on_event http://b/;'))[1],
     qr/"on_event" directive is duplicate/, 'refused: two of them');

$b->stop();
$_->close() for map { @$_ } values %held;
$node->stop('TERM');
unlike($node->log() . $node->stderr(), qr/secret|hush|bWU6c2VjcmV0/,
       'no log shows a password or a token');
$node->done('TERM');

# --- events of several workers

my $two = Stentor::Node->new(application => 'on_event ' . hook_url('two')
                                            . ';');
my @sessions = map {
    my $s = Stentor::RTMP->open(port => $two->port_rtmp(), app => 'live',
                                name => 'studio1', asc => $media->{asc});
    $s->frames($media->{frames}, 0, 2);
    my $n = $_;
    $two->wait_status(sub ($st) { $st->{ingest}{takeovers} == $n }, 5,
                      "takeover $n");
    $s;
} 0 .. 6;

my @two = $hook->wait_for(6, '/two');
is(scalar(@two), 6, 'two workers: each takeover is told once');
is(scalar(keys %{ { map { $_->{json}{id} => 1 } @two } }), 6,
   'each with an id of its own');
$two->done('TERM');

# --- the events of one broadcast, from its first frame to its end

my $all = Stentor::Webhook->start();
my $one = Stentor::Node->new(linger => '1s', application =>
                             'on_event ' . $all->url('/') . ';');

sub told() { return join(' ', map { $_->{json}{event} } $all->requests()) }

sub becomes($state, $told, $what) {
    $one->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{state} eq $state;
    }, $Stentor::Node::PATIENCE, "$what: $state");
    $one->wait_until(sub { told() eq $told });
    is(told(), $told, $what);
}

my $show = broadcaster($one);
becomes('live', 'opened live', 'on the air');
$show->freeze();
becomes('hold', 'opened live hold', 'he falters');
$show->thaw();
becomes('live', 'opened live hold live', 'and is back');
$show->stop();
becomes('closed', 'opened live hold live hold closed', 'and ends');

# within the window it is the same stream that goes on
$show = broadcaster($one);
becomes('live', 'opened live hold live hold closed opened live',
        'he comes back to what has ended');
$show->stop();
becomes('closed', 'opened live hold live hold closed opened live hold closed',
        'and ends once more');
is(scalar(grep { $_->{json}{stream} ne 'live/studio1' } $all->requests()),
   0, 'all of his stream');
$one->done();

# --- one that cannot be opened has not ended either

my $none = Stentor::Webhook->start();
my $full = Stentor::Node->new(zone => '8m', stentor =>
    'application big { window 60s; max_bitrate 3000000; part_duration 200ms;'
    . ' stream one; on_event ' . $none->url('/') . '; }',
    application => 'on_event ' . $none->url('/') . ';');

ok($full->wait_until(sub {
    return $full->log() =~ /stream "big\/one" is not opened/;
}), 'one that has no room');
$show = broadcaster($full);
is(join(' ', map { "$_->{json}{event} $_->{json}{stream}" }
        $none->wait_for(2)), 'opened live/studio1 live live/studio1',
   'is not told of');
$show->stop();
$full->stop('TERM');
done_testing();
