#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Who fails to be let in ten times at once, by RTMP or by SRT, must wait: what
# can be guessed is not even tried from his address, what cannot is let in,
# other addresses are not touched, and it is forgiven with time.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Keys;
use Stentor::Kit;
use Stentor::SrtCaller;

use Time::HiRes qw(sleep time);


need('ffmpeg');

# NGX_STENTOR_FAILURES_BURST, _FAILURE_MS; a reject code of SRT's
use constant { BURST => 10, FAILURE => 6, OVERLOAD => 1402 };

use constant {
    OPEN => 0, LOCKED => 1,            # the ports
    UNSECURE => 11,                    # libsrt's own reason (srt.h)
};

my $WAIT = 'too many failed attempts from this address: try again later';
my $WAITS = "error NetStream.Publish.Denied $WAIT";
my $WRONG = 'error NetStream.Publish.Denied wrong stream key';

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($secret, $static) = (new_secret(), new_static('*'));
my ($joe, $own) = (new_user('joe'), new_passphrase('live/own'));
my $shared = new_passphrase('live/*');
my $keys = key_file("$dir/keys", map { $_->{line} }
                    $secret, $static, $joe, $own);
my $locks = key_file("$dir/locks", map { $_->{line} =~ s{live/}{enc/}r }
                     $static, $own, $shared);
my $users = key_file("$dir/users", $joe->{line});
my $media = Stentor::Media::fixture();
my ($aac) = glob("$Stentor::Node::TOP/build/t/tone-440-*.aac");

# addresses that the test says it has (PROXY protocol), where nginx can
my $proxied = Stentor::Node::free_port();
my $nginx = Stentor::Node::which($ENV{STENTOR_NGINX} // 'nginx');
my $realip = `$nginx -V 2>&1` =~ /--with-stream_realip_module/;

my $node = Stentor::Node->new(
    application => "publish_key_file $keys;",
    stentor => "application enc { publish_key_file $locks; }"
               . " application users { publish_key_file $users; }"
               . ' application open { }',
    srt => ['', 'passphrase=forthewholeport0'],
    stream => $realip ? "server { listen 127.0.0.1:$proxied proxy_protocol;"
                        . ' set_real_ip_from 127.0.0.1; stentor_rtmp; }' : '',
);
my $pass = "user=joe&pass=$joe->{value}";


sub ingest() { return $node->status()->{ingest} }


sub calls($id, $from, $port = OPEN) {
    return Stentor::SrtCaller->connect(port => $node->port_srt($port),
                                       streamid => $id, from => $from);
}


# Fails n times from an address, by RTMP and SRT in turn; all must be refused
# for what they did, and are counted.

sub fails($from, $n, $what) {
    my $before = ingest();
    my @said = map {
        $_ % 2 ? calls('live/x?key=x', $from)->{code}
               : refusal_of($node, 'x?key=x', from => $from)
    } 1 .. $n;

    is(scalar(grep { $_ ne $WRONG && $_ ne '1401' } @said), 0,
       "$what: $n are told that their keys are wrong") or diag("@said");
    is(ingest()->{refused_key} - $before->{refused_key}, $n,
       "$what: and counted");
}


# Whether somebody is let in; nobody stays.

sub is_let_in($name, $from, %o) {
    my ($s, $said) = knock($node, $name, from => $from, %o);
    $s->close();
    return $said->{code} eq 'NetStream.Publish.Start';
}


# --- ten

my ($bad, $other) = (an_address(), an_address());

fails($bad, BURST, 'at once');

my $t0 = time();


# A test: he must wait, and is counted and logged as such.  However long the
# test takes, he has just failed so often that he must.

sub must_wait($what, $told, $log, $try) {
    $node->wait_until(sub {
        refusal_of($node, 'x?key=x', from => $bad) eq $WAITS;
    });
    my ($before, $at) = (ingest(), length($node->log()));

    is($try->() // 'nothing', $told, $what);
    is(join(' ', map { ingest()->{$_} - $before->{$_} }
            qw(refused_attempts refused_key)), '1 0', "$what: counted");
    like(substr($node->log(), $at), $log, "$what: logged");
}


my $by_rtmp = qr/ is refused: \Q$WAIT\E while .*client: \Q$bad\E,/;
my $by_srt = qr/caller \Q$bad\E is refused with code 1402: \Q$WAIT\E$/m;

must_wait('a wrong key', $WAITS, $by_rtmp, sub {
    refusal_of($node, 'x?key=x', from => $bad);
});
must_wait('a wrong key by SRT', OVERLOAD, $by_srt, sub {
    calls('live/x?key=x', $bad)->{code};
});
must_wait('no key', $WAITS, $by_rtmp, sub {
    refusal_of($node, 'x', from => $bad);
});

# --- what can be guessed is not tried

must_wait('a right password', $WAITS, $by_rtmp, sub {
    refusal_of($node, "x?$pass", from => $bad);
});
must_wait('a right password by SRT', OVERLOAD, $by_srt, sub {
    calls("#!::r=live/x,u=joe,s=$joe->{value}", $bad)->{code};
});
must_wait('a right password in a dialogue', $WAIT,
          qr/ not let in: \Q$WAIT\E while /, sub {
    my ($s, $said) = dialogue($node, 'users', 'joe', $joe->{value},
                              from => $bad);
    $s->finish();
    return $said->[-1];
});
must_wait("a stream's passphrase", OVERLOAD, $by_srt, sub {
    calls('live/own', $bad)->{code};
});
must_wait("a port's that is enough", OVERLOAD, $by_srt, sub {
    calls('open/x', $bad, LOCKED)->{code};
});

# --- what cannot be guessed is

ok(is_let_in('x?' . sign_key($keys, 'live/x'), $bad), 'a signed key is good');
ok(is_let_in("x?key=$static->{value}", $bad), 'so is a static one');
is(calls("live/x?key=$static->{value}", $bad)->{code}, 0, 'by SRT, too');
is(calls("#!::r=live/x,u=joe,key=$static->{value}", $bad)->{code}, 0,
   'whoever it is');
is(calls("enc/x?key=$static->{value}", $bad)->{code}, UNSECURE,
   'where there is a passphrase it comes to that');
ok(is_let_in('x', $bad, app => 'open'), 'so it does where nothing is asked');

# --- another address

ok(is_let_in("x?$pass", $other), 'another address: a password is good');
is(calls("#!::r=live/x,u=joe,s=$joe->{value}", $other)->{code}, 0,
   'by SRT, too');

# --- wrong passphrases count (ffmpeg has 127.0.0.1)

my @codes;

ok($node->wait_until(sub {
    push(@codes, calls('enc/own', '127.0.0.1')->{code} // 'nothing');
    return $codes[-1] eq OVERLOAD;
}, 3 * $Stentor::Node::PATIENCE), 'who does not encrypt must wait, too');
cmp_ok(scalar(grep { $_ eq UNSECURE } @codes), '>=', BURST,
       'after as many failures');

my $id = '#!::r=enc/own,m=publish';
my $ffmpeg = Stentor::Encoder->start(
    url => $node->srt_url(), file => $aac, format => 'mpegts',
    log => "$dir/ffmpeg.log",
    options => ['-srt_streamid', $id, '-passphrase', $own->{value}]);
ok($node->wait_until(sub { $ffmpeg->gone() }),
   'then the right one is not tried');
like($node->log(), qr/caller 127\.0\.0\.1 is refused with code 1402: too many/,
     'for that reason');

# --- an IPv6 address counts by its first half

SKIP: {
    skip('no realip module', 6)
        if !Stentor::Node::has($realip, "nginx's realip module");

    my $told = sub ($from) {
        my $family = $from =~ /:/ ? 'TCP6 ' : 'TCP4 ';
        my $to = $from =~ /:/ ? '::1' : '192.0.2.9';
        my $s = Stentor::RTMP->connect(port => $proxied);

        $s->send("PROXY $family$from $to 4000 1935\r\n");
        $s->handshake();
        $s->set_chunk_size(4096);
        $s->connect_app('live');
        my $said = $s->ask_publish('x?key=x') // {};
        $s->finish();
        return $said->{description} // 'nothing';
    };

    $told->("2001:db8:0:1::$_") for 1 .. BURST;
    is($told->('2001:db8:0:1:ffff::1'), $WAIT, 'the same /64 must wait');
    is($told->('2001:db8:0:2::1'), 'wrong stream key', 'another need not');

    $told->("::ffff:192.0.2.1") for 1 .. BURST;
    is($told->('::ffff:192.0.2.1'), $WAIT, 'an IPv4 address in an IPv6 one');
    is($told->('192.0.2.1'), $WAIT, 'is the same');
    is($told->('::ffff:192.0.2.2'), 'wrong stream key', 'others are others');
    like($node->log(), qr/client: 2001:db8:0:1:ffff::1,/,
         'the log has whole addresses');
}

# --- forgiven

ok($node->wait_until(sub { sleep(0.2); is_let_in("x?$pass", $bad) },
                     2 * FAILURE + $Stentor::Node::PATIENCE),
   'a right password is good again');
cmp_ok(time() - $t0, '>=', FAILURE - 1, 'not at once');

must_wait('one more failure: he', $WAITS, $by_rtmp, sub {
    refusal_of($node, "x?$pass", from => $bad);
});

# --- a reload forgets nothing

fails($bad = an_address(), BURST, 'before a reload');
$node->reload();
is(refusal_of($node, "x?$pass", from => $bad), $WAITS, 'after a reload, too');

like($node->get('/metrics')->{body},
     qr/^stentor_ingest_refused_attempts_total
        \ @{[ ingest()->{refused_attempts} ]}$/mx,
     'the metrics have the counter');
told_nowhere($node, 'forthewholeport0');
$node->done('TERM');
done_testing();
