#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Stream keys over SRT: keys, users and passphrases in stream ids and in the
# encryption, by real ffmpeg, and by callers who see the code with which they
# are refused.  Whoever may not come in is counted and logged, and disturbs
# nobody.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Encoder;
use Stentor::Keys;
use Stentor::Kit;
use Stentor::SrtCaller;

use Time::HiRes qw(time);


need('ffmpeg');

use constant {
    OPEN => 0, LOCKED => 1,            # the ports
    UNSECURE => 11,                    # libsrt's own reason (srt.h)
};

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($secret, $foreign) = (new_secret(), new_secret());
my $static = new_static('live/static');
my $joe = new_user('joe', 'live/joes');
my $own = new_passphrase('live/own');
my $shared = new_passphrase('live/*');
my $port_wide = 'forthewholeport0';
my $wrong = 'someotherpassphrase0';

my %signs = (good => key_file("$dir/good", $secret->{line}),
             foreign => key_file("$dir/foreign", $foreign->{line}));
my @lines = map { $_->{line} } $secret, $static, $joe;
my $keys = key_file("$dir/keys", @lines);
my $locks = key_file("$dir/locks", map { $_ =~ s{live/}{enc/}gr }
                                   @lines, $own->{line}, $shared->{line});

my $media = Stentor::Media::fixture();
my ($aac) = glob("$Stentor::Node::TOP/build/t/tone-440-*.aac");

my ($node, $caster) = on_air(
    linger => '60s',
    application => "publish_key_file $keys;",
    stentor => "application enc { publish_key_file $locks; }",
    srt => ['', "passphrase=$port_wide"],
    broadcaster => { name => 'studio1?' . sign_key($signs{good},
                                                   'live/studio1') },
);
my $witness = Stentor::Listener->fork_run(280, port => $node->port_http(),
                                          edge => 1);


sub ingest() { return $node->status()->{ingest} }


sub calls($id, $port, $from) {
    return Stentor::SrtCaller->connect(port => $node->port_srt($port),
                                       streamid => $id, from => $from);
}


# A test of a caller who is let in.

sub enters($id, $stream, $what, $port = OPEN) {
    my $at = length($node->log());
    my $c = calls($id, $port, an_address());

    is($c->{code}, 0, "$what: let in");
    ok($node->wait_until(sub {
        substr($node->log(), $at) =~ / publishes stream "\Q$stream\E" by srt/;
    }), "$what: for $stream");
    $c->shutdown();
}


# And of one who is refused.

sub refused($id, $code, $reason, $what, $port = OPEN) {
    my $from = an_address();
    my ($before, $at) = (ingest(), length($node->log()));

    is(calls($id, $port, $from)->{code} // 'no answer', $code,
       "$what: code $code");
    is(ingest()->{refused_key}, $before->{refused_key} + 1,
       "$what: counted");
    like(substr($node->log(), $at), qr/srt\ caller\ \Q$from\E\ is\ refused\ with
                                       \ code\ $code:\ \Q$reason\E$/mx,
         "$what: logged");
}


# --- signed keys

my $BAD_SIGNATURE = 'wrong signature of the stream key';
my ($exp, $sig) = sign_key($signs{good}, 'live/one') =~ /=(\d+)&sig=(\w+)/;

sub standard($name, @pairs) { return join(',', "#!::r=live/$name,m=publish",
                                               @pairs) }

enters(standard('one', "exp=$exp", "sig=$sig"), 'live/one', 'a signed key');
enters(standard('one', 'sig=' . uc($sig), 'track=2', "exp=$exp"), 'live/one',
       'with a track, in upper case');
enters("live/one?exp=$exp&sig=$sig", 'live/one', 'in a query');
enters("publish:live/one:exp=$exp&sig=$sig", 'live/one', 'behind publish:');
enters("%23!::r=live%2Fone,exp=$exp,sig=$sig", 'live/one', 'encoded');

refused(standard('two', "exp=$exp", "sig=$sig"), 1401, $BAD_SIGNATURE,
        'for another name');
refused(standard('one', 'exp=' . ($exp + 1), "sig=$sig"), 1401,
        $BAD_SIGNATURE, 'a changed exp');
refused('live/one?' . sign_key($signs{foreign}, 'live/one'), 1401,
        $BAD_SIGNATURE, 'by a secret of somebody else');
refused('live/one?' . sign_key($signs{good}, 'live/one',
                               '@' . int(time() - 2)),
        1401, 'stream key has expired', 'expired');

# --- static keys

enters(standard('static', "key=$static->{value}"), 'live/static',
       'a static key');
enters(standard('static', "s=$static->{value}"), 'live/static', 'as s=');
enters("live/static,mode:publish,token:$static->{value}", 'live/static',
       'as a token');
refused(standard('one', "key=$static->{value}"), 1401, 'wrong stream key',
        'for another stream');
refused(standard('static', 'key=x'), 1401, 'wrong stream key', 'another');
refused(standard('static', 's=x'), 1401, 'wrong stream key', 'another as s=');
refused(standard('static'), 1401, 'no stream key', 'none');

# --- users

enters(standard('joes', 'u=joe', "s=$joe->{value}"), 'live/joes', 'a user');
enters("publish:live/joes:joe:$joe->{value}", 'live/joes', 'with colons');
refused(standard('joes', 'u=joe', 's=letmein0'), 1401, 'wrong password',
        'a wrong password');
refused(standard('joes', 'u=eve', 's=letmein0'), 1401, 'no such user',
        'an unknown user');
refused(standard('joes', 'u=joe'), 1401, 'no stream key', 'without password');
refused(standard('one', 'u=joe', "s=$joe->{value}"), 1403,
        'user may not publish this stream', 'not his stream');

# --- two stream ids in a handshake: what is judged is what he gets

sub two_ids(@ids) {
    return Stentor::SrtCaller->connect(port => $node->port_srt(),
        from => an_address(), kinds => 5, raw => join('', map {
            Stentor::SrtCaller::extension(@$_)
        } [Stentor::SrtCaller::HSREQ,
           pack('NNnn', Stentor::SrtCaller::LIBSRT, Stentor::SrtCaller::FLAGS,
                120, 120)],
          map { [Stentor::SrtCaller::SID, Stentor::SrtCaller::swap($_)] }
          @ids));
}


my $with_key = standard('static', "key=$static->{value}");
my $at = length($node->log());

for my $ids ([$with_key, 'live/evil'], ['live/evil', $with_key],
             [$with_key, ''], ['', $with_key],
             [$with_key, 'live/evil?' . 'x' x 600])
{
    my $c = two_ids(@$ids);
    $c->shutdown();
}

enters($with_key, 'live/static', 'after those with two stream ids');
unlike(substr($node->log(), $at), qr{ publishes stream "(?!live/static")},
       'of whom none got a stream that is not his');

# --- passphrases: who does not encrypt

sub locked($name, @pairs) { return standard($name, @pairs) =~ s/live/enc/r }


# A test of one who needs a passphrase, and has none.

sub unsecured($id, $what, $port = OPEN) {
    my $from = an_address();
    my ($before, $at) = (ingest(), length($node->log()));

    is(calls($id, $port, $from)->{code} // 'no answer', UNSECURE,
       "$what: refused by libsrt");
    ok($node->wait_until(sub {
        ingest()->{handshake_failures} == $before->{handshake_failures} + 1;
    }), "$what: counted");
    like(substr($node->log(), $at),
         qr/srt caller \Q$from\E failed the handshake: not the passphrase/,
         "$what: logged");
}


my $encrypted = sign_key($signs{good}, 'enc/own') =~ s/&/,/r;

unsecured(locked('own'), "a stream's own");
unsecured(locked('own', $encrypted), "a stream's own, in spite of a key");
unsecured(locked('static', "key=$static->{value}"), "an application's");
unsecured(standard('static', "key=$static->{value}"), "a port's", LOCKED);

# --- and who does

sub ffmpeg($id, $name, $passphrase = undef, $port = OPEN) {
    my ($stream) = $id =~ /r=([^,]+)/;
    my $b = Stentor::Encoder->start(url => $node->srt_url($port),
        file => $aac, log => "$dir/$name.log", format => 'mpegts',
        options => ['-srt_streamid', $id,
                    defined $passphrase ? ('-passphrase', $passphrase) : ()]);
    my $up = $node->wait_until(sub {
        my $st = $node->stream($stream);
        return "on air $st->{session}{srt}{key_bits}"
            if $st && $st->{session} && $st->{session}{audio_frames}
               && $st->{session}{srt}{packets};
        return 'gone' if $b->gone();
    });

    $b->stop();
    $node->wait_until(sub { !$node->stream($stream)->{session} })
        if ($up // '') =~ /on air/;
    return ($up // 'neither') . ' '
           . Stentor::Node::slurp("$dir/$name.log");
}


like(ffmpeg(standard('static', "key=$static->{value}"), 'key'), qr/^on air 0 /,
     'ffmpeg with a key');
like(ffmpeg(standard('joes', 'u=joe', "s=$joe->{value}"), 'user'),
     qr/^on air 0 /, 'with a password');
like(ffmpeg(locked('own'), 'own', $own->{value}), qr/^on air 128 /,
     "a stream's own passphrase is enough");
like(ffmpeg(locked('own', 'key=x'), 'ownkey', $own->{value}), qr/^gone /,
     'but not with a wrong key');
like(ffmpeg(locked('static'), 'shared', $shared->{value}), qr/^gone /,
     "an application's is not");
like(ffmpeg(locked('static', "key=$static->{value}"), 'both',
            $shared->{value}),
     qr/^on air 128 /, 'it is with a key');
like(ffmpeg(standard('static'), 'port', $port_wide, LOCKED), qr/^gone /,
     "nor is a port's");
like(ffmpeg(standard('static', "key=$static->{value}"), 'portkey',
            $port_wide, LOCKED),
     qr/^on air 128 /, 'it is with a key');
like(ffmpeg(locked('own'), 'over', $own->{value}, LOCKED), qr/^on air 128 /,
     "a stream's own goes before a port's");

# what ffmpeg prints of a refusal is libsrt's: that there is a reason of ours
my $SAYS = qr/REJECT .* Application-defined rejection reason/;
$at = length($node->log());
my $before = ingest();

for my $case (['own', $wrong, 'another passphrase'],
              ['own', $shared->{value}, "an application's for a stream's own"])
{
    my ($name, $passphrase, $what) = @$case;
    like(ffmpeg(locked($name), "wrong$name", $passphrase),
         qr/^gone .*REJECT .* Incorrect passphrase/s, "$what: it says so");
}

like(ffmpeg(locked('own'), 'unsecured'),
     qr/^gone .*REJECT .* Password required or unexpected/s,
     'none: it says so');

ok($node->wait_until(sub {
    ingest()->{handshake_failures} == $before->{handshake_failures} + 3;
}), 'all are counted');
is(() = substr($node->log(), $at) =~ /failed the handshake: not the passphr/g,
   3, 'and logged');
is(ingest()->{refused_key}, $before->{refused_key}, 'as what they are');

# --- ffmpeg without rights

like(ffmpeg('#!::r=live/studio1,key=x', 'intruder'), qr/^gone .*$SAYS/s,
     'somebody wants the stream that is on the air');

# --- he has noticed nothing

my $st = $node->stream('live/studio1');

is("@{ $st->{repairs} }{qw(gaps_filled resyncs takeovers broken)}",
   '0 0 0 0', 'the one on the air: nothing was repaired');
is($st->{session}{protocol}, 'rtmp', 'it is still his');
my $report = $witness->join();
conforms('his listener: one unbroken programme', @{ $report->{violations} });

# --- what is told of it

is(ingest()->{refused_attempts}, 0, 'no address had too many failures');
told_nowhere($node, 'letmein0', $port_wide, $wrong);
$caster->stop();
ok($node->wait_status(sub ($s) { $s->{ingest}{sessions} == 0 }), 'all gone');
$node->done('TERM');

done_testing();
