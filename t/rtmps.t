#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# RTMP over TLS, which is nginx's own: real encoders that check certificates,
# one of them without TLS 1.3 (as OBS is), are heard; who speaks the wrong one
# of the two protocols is refused and counted, and nobody else notices; a
# reload takes no broadcaster off the air and brings new certificates.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Encoder;
use Stentor::Kit;
use Stentor::Tone;


need(qw(ffmpeg openssl gst-launch-1.0 timeout unshare));

my %HZ = (one => 660, two => 520, gst => 780);
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $ca = Stentor::Authority->new(dir => $dir);
my $other = Stentor::Authority->new(dir => $dir, name => 'other');
my ($pem, $key) = ("$dir/server.pem", "$dir/server.key");
my ($port, $port13) = map { Stentor::Node::free_port() } 1, 2;

# for as long as the test takes
my %file = map { $_ => Stentor::Tone::file("$dir/$_.m4a", $HZ{$_}, 120) }
           qw(one two);

install($ca);

my $node = Stentor::Node->new(window => '20s', linger => '60s',
    stream => "log_format tls '\$ssl_protocol \$status';"
        . " ssl_certificate $pem; ssl_certificate_key $key;"
        . " server { listen 127.0.0.1:$port ssl; stentor_rtmp;"
        . " ssl_protocols TLSv1.2 TLSv1.3; access_log $dir/tls.log tls; }"
        . " server { listen 127.0.0.1:$port13 ssl; stentor_rtmp;"
        . " ssl_protocols TLSv1.3; }");


# What the server shows from the next reload on.

sub install($authority) {
    my ($new_pem, $new_key) = $authority->issue('localhost');
    rename($new_pem, $pem) && rename($new_key, $key) or die "rename: $!\n";
}


sub encoder($name, %o) {
    my $authority = $o{authority} // $ca;

    return Stentor::Encoder->start(
        url => "rtmps://localhost:" . ($o{port} // $port) . "/live/$name",
        file => $file{ $o{file} // 'one' }, env => $o{env},
        log => "$dir/$name.log",
        options => [qw(-tls_verify 1 -ca_file), $authority->{pem}],
    );
}


sub comes($name) {
    $node->wait_stream("live/$name", sub ($st) {
        return $st && $st->{state} eq 'live' && $st->{session};
    }, $Stentor::Node::PATIENCE, "$name on the air");
}


sub failures() { return $node->status()->{ingest}{handshake_failures} }


# Somebody ends by himself, is counted, and never published.

sub is_refused($what, $before, $ended) {
    ok($node->wait_until($ended), "$what: he is sent away");
    ok($node->wait_until(sub { failures() == $before + 1 }),
       "$what: he is counted") or diag("$before, now ", failures());
}


# With TLS 1.3 a client looks at the certificate after the handshake.

sub is_distrusted($what, $name, $authority) {
    my $e = encoder($name, authority => $authority);

    ok($node->wait_until(sub { $e->gone() }), "$what: ffmpeg goes");
    like(Stentor::Node::slurp("$dir/$name.log"), qr/certificate/i,
         "$what: because of the certificate");
    ok(!$node->stream("live/$name"), "$what: it did not publish");
}


# --- ffmpeg, and one that speaks TLS 1.2 at most

Stentor::Node::spew("$dir/tls12",
    "[overrides]\ndefault-priority-string = NORMAL:-VERS-TLS1.3\n");
my %TLS12 = (GNUTLS_SYSTEM_PRIORITY_FILE => "$dir/tls12");

my $one = encoder('one');
my $two = encoder('two', file => 'two', env => \%TLS12);
comes($_) for qw(one two);

is($node->stream("live/$_")->{session}{protocol}, 'rtmps',
   "$_: the protocol in the status") for qw(one two);

my $listener = Stentor::Listener->fork_run(240, port => $node->port_http(),
                                           path => '/live/one', edge => 1);

Stentor::Tone::is_heard($node, 'one', $HZ{one}, 'ffmpeg');
Stentor::Tone::is_heard($node, 'two', $HZ{two}, 'ffmpeg with TLS 1.2');

# --- those who check see that there is something to check

is_distrusted('an unknown authority', 'strange', $other);

my $before = failures();
my $e = encoder('old', port => $port13, env => \%TLS12);
is_refused('TLS 1.2 where 1.3 is wanted', $before, sub { $e->gone() });

# --- the wrong protocol

$before = failures();
my $plain = Stentor::RTMP->connect(port => $port);
$plain->send("\x03" . Stentor::RTMP::c1());
is_refused('plain RTMP to the TLS port', $before,
           sub { $plain->wait_close(0.01) });

$before = failures();
$e = encoder('wrong', port => $node->port_rtmp());
is_refused('TLS to the plain port', $before, sub { $e->gone() });

$before = failures();
$plain = Stentor::RTMP->connect(port => $port);
$plain->send("\x03" . 'x' x 100);
$plain->close(reset => 1);
is_refused('noise and a reset', $before, sub { 1 });

# --- GStreamer, to which the system's authorities are ours; where nobody may
# mount anything it has to do without a look at the certificate

my $mounts = system('unshare -r -m true 2> /dev/null') == 0;
my $GST = 'exec gst-launch-1.0 -q audiotestsrc is-live=true num-buffers=1600'
    . " freq=$HZ{gst} volume=" . Stentor::Tone::amplitude()
    . ' samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=2'
    . ' ! voaacenc bitrate=128000 ! aacparse ! flvmux streamable=true'
    . " ! rtmp2sink location=rtmps://localhost:$port/live/gst"
    . ($mounts ? '' : ' tls-validation-flags=0');


sub gstreamer($trusted) {
    mkdir("$dir/certs");
    Stentor::Node::spew("$dir/certs/ca-certificates.crt",
                        Stentor::Node::slurp($trusted->{pem}));

    my $pid = fork() // die "fork: $!\n";
    return $pid if $pid;

    open(STDOUT, '>', "$dir/gst.log");
    open(STDERR, '>&', \*STDOUT);
    exec(qw(timeout 60), $mounts ? qw(unshare -r -m) : (), qw(sh -c),
         ($mounts ? "mount --bind $dir/certs /etc/ssl/certs && " : '') . $GST)
        or POSIX::_exit(127);
}


SKIP: {
    skip('needs namespaces of mounts', 2) if !$mounts;

    $before = failures();
    my $pid = gstreamer($other);
    is_refused('an authority unknown to GStreamer', $before,
               sub { waitpid($pid, POSIX::WNOHANG()) > 0 });
}

my $pid = gstreamer($ca);
comes('gst');
is($node->stream('live/gst')->{session}{protocol}, 'rtmps',
   'gst: the protocol in the status');
Stentor::Tone::is_heard($node, 'gst', $HZ{gst}, 'GStreamer')
    or diag(Stentor::Node::slurp("$dir/gst.log"));

# it would complain of a server that closed before it did
waitpid($pid, 0);
is($?, 0, 'GStreamer ends without an error')
    or diag(Stentor::Node::slurp("$dir/gst.log"));
like($node->log(), qr{broadcaster ended stream "live/gst"},
     'GStreamer leaves in order');

# --- reload, and a certificate of somebody else

install($other);
$node->reload();

is_distrusted('the old authority after a reload', 'late', $ca);

my $new = encoder('new', authority => $other);
comes('new');
ok(!$one->gone() && !$two->gone(), 'the others never left');
Stentor::Tone::is_heard($node, 'one', $HZ{one}, 'ffmpeg after the reload');

my $report = $listener->join();
conforms('a listener: no error, no gap', @{ $report->{violations} });
is($report->{missed}, 0, 'a listener: no part was lost');
cmp_ok(scalar(@{ $report->{parts} }), '>', 50, 'a listener: many parts');

my $repairs = $node->stream('live/one')->{repairs};
is($repairs->{$_}, 0, "and $_ none") for qw(gaps_filled resyncs);

# --- who came how

ok($_->stop(), 'an encoder leaves in order') for $one, $two, $new;
ok($node->wait_until(sub {
    my $log = Stentor::Node::slurp("$dir/tls.log");
    return $log =~ /^TLSv1\.2 200$/m && $log =~ /^TLSv1\.3 200$/m;
}), 'one came by TLS 1.2, others by 1.3')
    or diag(Stentor::Node::slurp("$dir/tls.log"));

$node->done('TERM');
done_testing();
