"""Every error that the models declare for the operations that are served: provoked, and compared with the model by name, status and members; or named
here with the reason why nobody can provoke it."""

import json
import os
import re
import tempfile

from botocore import xform_name

from lib import ClientError, client, code, countersign, equal, eum, main, refused, simulator, sns, step, wrong

ALICE, BOB, OPTED_OUT, NOWHERE = '+12025550141', '+447700900141', '+12025550142', '+12025550143'
NUMBER = dict(IsoCountryCode='US', MessageType='TRANSACTIONAL', NumberCapabilities=['SMS'], NumberType='TOLL_FREE')
ARN = 'arn:aws:sms-voice:us-local-1:000000000000:'
JUNK = {'NextToken': 'junk'}

# What a call looks like that has nothing wrong with it but who makes it. All served operations are here.
SNS = {
    'CheckIfPhoneNumberIsOptedOut': dict(phoneNumber=ALICE), 'CreateSMSSandboxPhoneNumber': dict(PhoneNumber=ALICE),
    'DeleteSMSSandboxPhoneNumber': dict(PhoneNumber=ALICE), 'GetSMSAttributes': {}, 'GetSMSSandboxAccountStatus': {}, 'ListOriginationNumbers': {},
    'ListPhoneNumbersOptedOut': {}, 'ListSMSSandboxPhoneNumbers': {}, 'OptInPhoneNumber': dict(phoneNumber=ALICE),
    'Publish': dict(PhoneNumber=ALICE, Message='hello'), 'SetSMSAttributes': dict(attributes={'DefaultSenderID': 'X'}),
    'VerifySMSSandboxPhoneNumber': dict(PhoneNumber=ALICE, OneTimePassword='123456'),
}
EUM = {
    'CreateOptOutList': dict(OptOutListName='news'), 'CreateVerifiedDestinationNumber': dict(DestinationPhoneNumber=ALICE),
    'DeleteMediaMessageSpendLimitOverride': {}, 'DeleteOptOutList': dict(OptOutListName='news'),
    'DeleteOptedOutNumber': dict(OptOutListName='Default', OptedOutNumber=ALICE), 'DeleteTextMessageSpendLimitOverride': {},
    'DeleteVerifiedDestinationNumber': dict(VerifiedDestinationNumberId='vdn-1'), 'DeleteVoiceMessageSpendLimitOverride': {},
    'DescribeAccountAttributes': {}, 'DescribeAccountLimits': {}, 'DescribeOptOutLists': {}, 'DescribeOptedOutNumbers': dict(OptOutListName='Default'),
    'DescribePhoneNumbers': {}, 'DescribeRegistrations': {}, 'DescribeSenderIds': {}, 'DescribeSpendLimits': {}, 'DescribeVerifiedDestinationNumbers': {},
    'ListTagsForResource': dict(ResourceArn=ARN + 'phone-number/phone-1'), 'PutOptedOutNumber': dict(OptOutListName='Default', OptedOutNumber=ALICE),
    'ReleasePhoneNumber': dict(PhoneNumberId='phone-1'), 'ReleaseSenderId': dict(SenderId='ACME', IsoCountryCode='GB'), 'RequestPhoneNumber': NUMBER,
    'RequestSenderId': dict(SenderId='ACME', IsoCountryCode='GB'),
    'SendDestinationNumberVerificationCode': dict(VerifiedDestinationNumberId='vdn-1', VerificationChannel='TEXT'),
    'SendTextMessage': dict(DestinationPhoneNumber=ALICE, MessageBody='hello'), 'SetMediaMessageSpendLimitOverride': dict(MonthlyLimit=1),
    'SendVoiceMessage': dict(DestinationPhoneNumber=ALICE, OriginationIdentity='phone-1', MessageBody='hello'),
    'SetTextMessageSpendLimitOverride': dict(MonthlyLimit=1), 'SetVoiceMessageSpendLimitOverride': dict(MonthlyLimit=1),
    'TagResource': dict(ResourceArn=ARN + 'phone-number/phone-1', Tags=[{'Key': 'a', 'Value': 'b'}]),
    'UntagResource': dict(ResourceArn=ARN + 'phone-number/phone-1', TagKeys=['a']), 'UpdatePhoneNumber': dict(PhoneNumberId='phone-1'),
    'UpdateSenderId': dict(SenderId='ACME', IsoCountryCode='GB'), 'VerifyDestinationNumber': dict(VerifiedDestinationNumberId='vdn-1', VerificationCode='123456'),
}

# Declared, and never answered here.
NEVER = {
    'ThrottledException': 'operations on the account have no rate of their own', 'ThrottlingException': 'the same',
    'InternalErrorException': 'a failure of ours', 'InternalServerException': 'the same',
    'EndpointDisabledException': 'topics', 'PlatformApplicationDisabledException': 'topics', 'InvalidSecurityException': 'topics', 'NotFoundException': 'topics',
    'KMSDisabledException': 'topics', 'KMSInvalidStateException': 'topics', 'KMSNotFoundException': 'topics', 'KMSOptInRequired': 'topics',
    'KMSThrottlingException': 'topics', 'KMSAccessDeniedException': 'topics',
    'sns.ValidationException': 'answered as InvalidParameter', 'ListSMSSandboxPhoneNumbers.ResourceNotFoundException': 'the list names no number',
    'DeleteMediaMessageSpendLimitOverride.ValidationException': 'no parameters', 'DeleteTextMessageSpendLimitOverride.ValidationException': 'no parameters',
    'DeleteVoiceMessageSpendLimitOverride.ValidationException': 'no parameters',
    'CreateVerifiedDestinationNumber.ResourceNotFoundException': 'the agents of RCS, whose parameter older clients lack',
    'DeleteOptedOutNumber.ConflictException': 'opt-outs that a phone manages by itself',
    'DeleteSMSSandboxPhoneNumber.UserErrorException': 'dev mode waits no day; a unit test has a clock',
    'DeleteVerifiedDestinationNumber.ConflictException': 'the same',
    'RequestPhoneNumber.ConflictException': 'pools of numbers',
    'UpdatePhoneNumber.ConflictException': 'pools of numbers',
}

def model(service, version):
    with open(os.path.join(os.environ['AWS_DATA_PATH'], service, version, 'service-2.json')) as f:
        return json.load(f)


MODELS = {'sns': model('sns', '2010-03-31'), 'eum': model('pinpoint-sms-voice-v2', '2022-03-31')}
CLIENTS = {'sns': sns, 'eum': eum}
SHAPES = {s: {n: d for n, d in m['shapes'].items() if d.get('exception')} for s, m in MODELS.items()}
provoked = set()


def snake(name):
    """boto3's name of an operation."""
    return xform_name(name)


def provoke(service, operation, want, reason=None, by=None, **params):
    """Calls, and compares what comes back with the model."""
    c = by or CLIENTS[service]
    try:
        out = getattr(c, snake(operation))(**params)
    except ClientError as e:
        answer = e.response
    else:
        raise AssertionError(f'{operation} answered {out!r}, and not {want}')
    described = MODELS[service]
    name = class_of(service, answer['Error']['Code'])
    equal(name, want)
    declared = [d['shape'] for d in described['operations'][operation].get('errors', [])]
    assert name in declared, f'{operation} does not declare {name}, only {declared}'
    shape = described['shapes'][name]
    status = shape.get('error', {}).get('httpStatusCode', 500 if shape.get('fault') else 400)
    equal(answer['ResponseMetadata']['HTTPStatusCode'], status)
    assert answer['Error']['Message'], f'{operation}: {want} says nothing'
    assert answer['ResponseMetadata'].get('RequestId'), f'{operation}: no request id'
    members(described, shape, answer)
    if reason:
        equal(answer.get('Reason') or answer.get('ResourceType') or answer.get('Status'), reason)
    for v in params.values():
        if isinstance(v, str) and v.startswith('+') and len(v) > 8:
            assert v not in json.dumps(answer['Error']), f'{operation}: the number stands in the error'
    provoked.add((service, operation, name))
    return answer


def class_of(service, wire):
    """The model's name for a code on the wire."""
    for name, shape in SHAPES[service].items():
        if shape.get('error', {}).get('code', name) == wire:
            return name
    return wire


def members(described, shape, answer):
    """What the answer has besides, the model must have; what the model requires, the answer."""
    known = shape['members']
    for name in shape.get('required', []):
        assert answer.get(name) or name == 'Message', f'{name} is missing: {answer}'
    for name, value in answer.items():
        if name in ('Error', 'ResponseMetadata', 'message', 'Message'):
            continue
        assert name in known, f'the model has no {name}: {answer}'
        enum = described['shapes'][known[name]['shape']].get('enum')
        assert not enum or value in enum, f'{name} is {value}, which the model does not have'


def prices():
    """A rate card, without which nothing is known to cost too much."""
    with tempfile.NamedTemporaryFile('w', suffix='.csv') as f:
        f.write('account,country,channel,price,currency,from\n*,*,sms,0.05,USD,2026-01-01\n*,*,voice,0.05,USD,2026-01-01\n')
        f.flush()
        countersign('rates', 'apply', f.name)


def rights():
    """A key that may do something else is denied all of it."""
    with step('a key without the grant'):
        made = countersign('keys', 'create', '--name', 'elsewhere', '--service', 'kms', '--action', 'DescribeKey')
        key = made['id'], made['secret']
        by = {'sns': client('sns', key), 'eum': client('pinpoint-sms-voice-v2', key)}
        for operation, params in SNS.items():
            provoke('sns', operation, 'AuthorizationErrorException', by=by['sns'], **params)
        for operation, params in EUM.items():
            provoke('eum', operation, 'AccessDeniedException', by=by['eum'], **params)
    with step('no signature'):
        refused('MissingAuthenticationToken', 403, client('sns', None).get_sms_sandbox_account_status)
        refused('MissingAuthenticationTokenException', 400, client('pinpoint-sms-voice-v2', None).describe_account_attributes)
    with step('operations that are not served'):
        for name, call in (('CreateTopic', sns.create_topic), ('PublishBatch', sns.publish_batch), ('CreatePool', eum.create_pool), ('PutKeyword', eum.put_keyword)):
            said = refused('UnsupportedOperationException', 400, call)
            assert name in said['Error']['Message'], said


def rows(title, service, table):
    for operation, want, reason, params in table:
        with step(f'{title}: {operation} {want} {reason or ""}'.strip()):
            provoke(service, operation, want, reason, **params)


def of_sns():
    bad = 'InvalidParameterException'
    sandboxed = dict(PhoneNumber=NOWHERE)
    attribute = lambda name, kind, value: {name: {'DataType': kind, 'StringValue': value}}
    publish = lambda **more: dict(dict(PhoneNumber=ALICE, Message='hello'), **more)
    simulator('POST', '/inbound', {'from': OPTED_OUT, 'text': 'STOP'})
    rows('sns', 'sns', [
        ('CheckIfPhoneNumberIsOptedOut', bad, None, dict(phoneNumber='12')), ('CheckIfPhoneNumberIsOptedOut', bad, None, {}),
        ('CreateSMSSandboxPhoneNumber', bad, None, dict(PhoneNumber='nobody')), ('CreateSMSSandboxPhoneNumber', bad, None, {}),
        ('CreateSMSSandboxPhoneNumber', bad, None, dict(PhoneNumber=ALICE, LanguageCode='xx-XX')),
        ('CreateSMSSandboxPhoneNumber', 'OptedOutException', None, dict(PhoneNumber=OPTED_OUT)),
        ('DeleteSMSSandboxPhoneNumber', bad, None, dict(PhoneNumber='x')), ('DeleteSMSSandboxPhoneNumber', 'ResourceNotFoundException', None, sandboxed),
        ('VerifySMSSandboxPhoneNumber', 'ResourceNotFoundException', None, dict(sandboxed, OneTimePassword='123456')),
        ('VerifySMSSandboxPhoneNumber', bad, None, dict(sandboxed, OneTimePassword='12')),
        ('VerifySMSSandboxPhoneNumber', bad, None, dict(sandboxed, OneTimePassword='abcdef')),
        ('GetSMSAttributes', bad, None, dict(attributes=['Nothing'])),
        ('ListOriginationNumbers', bad, None, JUNK), ('ListPhoneNumbersOptedOut', bad, None, dict(nextToken='junk')),
        ('ListSMSSandboxPhoneNumbers', bad, None, JUNK), ('ListSMSSandboxPhoneNumbers', bad, None, dict(MaxResults=101)),
        ('OptInPhoneNumber', bad, None, dict(phoneNumber='')),
        ('SetSMSAttributes', bad, None, dict(attributes={'Nothing': 'x'})), ('SetSMSAttributes', bad, None, {}),
        ('SetSMSAttributes', bad, None, dict(attributes={'DeliveryStatusSuccessSamplingRate': '101'})),
        ('Publish', bad, None, publish(PhoneNumber='+1')), ('Publish', bad, None, publish(Message='')), ('Publish', bad, None, publish(Message='x' * 1601)),
        ('Publish', bad, None, publish()),  # no origination identity yet
        ('Publish', bad, None, dict(TopicArn='arn:aws:sns:us-local-1:000000000000:news', Message='hello')),
        ('Publish', 'InvalidParameterValueException', None, publish(MessageAttributes=attribute('AWS.SNS.SMS.SenderID', 'Colour', 'x'))),
        ('Publish', 'InvalidParameterValueException', None, publish(MessageAttributes=attribute('AWS.SNS.SMS.Nothing', 'String', 'x'))),
        ('Publish', bad, None, publish(MessageAttributes=attribute('AWS.SNS.SMS.SenderID', 'String', 'twelve chars'))),
        ('Publish', bad, None, publish(MessageAttributes=attribute('AWS.SNS.SMS.SMSType', 'String', 'Loud'))),
    ])
    with step('sns: codes of a number'):
        sns.create_sms_sandbox_phone_number(PhoneNumber=ALICE)
        right = code(ALICE)
        provoke('sns', 'VerifySMSSandboxPhoneNumber', 'VerificationException', PhoneNumber=ALICE, OneTimePassword=wrong(right))
        for _ in range(4):
            sns.create_sms_sandbox_phone_number(PhoneNumber=ALICE)
            right = code(ALICE)
        provoke('sns', 'CreateSMSSandboxPhoneNumber', 'UserErrorException', PhoneNumber=ALICE)
        sns.verify_sms_sandbox_phone_number(PhoneNumber=ALICE, OneTimePassword=right)
        provoke('sns', 'VerifySMSSandboxPhoneNumber', 'VerificationException', PhoneNumber=ALICE, OneTimePassword=right)
    with step('sns: opt-in twice within thirty days'):
        sns.opt_in_phone_number(phoneNumber=OPTED_OUT)
        simulator('POST', '/inbound', {'from': OPTED_OUT, 'text': 'STOP'})
        provoke('sns', 'OptInPhoneNumber', bad, phoneNumber=OPTED_OUT)


def of_eum():
    invalid, gone, clash, quota = 'ValidationException', 'ResourceNotFoundException', 'ConflictException', 'ServiceQuotaExceededException'
    text = lambda **more: dict(dict(DestinationPhoneNumber=BOB, MessageBody='hello'), **more)
    rows('eum', 'eum', [
        ('SendTextMessage', clash, 'NO_ORIGINATION_IDENTITIES_FOUND', dict(DestinationPhoneNumber=NOWHERE, MessageBody='hello')),
        ('SendTextMessage', invalid, 'FIELD_VALIDATION_FAILED', text(DestinationPhoneNumber='nobody')),
        ('SendTextMessage', invalid, 'FIELD_VALIDATION_FAILED', dict(MessageBody='hello')), ('SendTextMessage', gone, 'configuration-set', text(ConfigurationSetName='x')),
        ('SendTextMessage', gone, 'phone-number', text(OriginationIdentity='+12025550199')), ('SendTextMessage', gone, 'pool', text(OriginationIdentity='pool-1')),
        ('RequestPhoneNumber', invalid, 'FIELD_VALIDATION_FAILED', dict(NUMBER, IsoCountryCode='DE', NumberType='TEN_DLC')),
        ('RequestPhoneNumber', invalid, 'FIELD_VALIDATION_FAILED', dict(NUMBER, MessageType='LOUD')), ('RequestPhoneNumber', gone, 'pool', dict(NUMBER, PoolId='pool-1')),
        ('RequestPhoneNumber', gone, 'opt-out-list', dict(NUMBER, OptOutListName='nowhere')),
        ('RequestSenderId', invalid, 'SENDER_ID_NOT_SUPPORTED', dict(SenderId='ACME', IsoCountryCode='US')),
        ('RequestSenderId', invalid, 'SENDER_ID_REQUIRES_REGISTRATION', dict(SenderId='ACME', IsoCountryCode='IN')),
        ('RequestSenderId', invalid, 'FIELD_VALIDATION_FAILED', dict(SenderId='123', IsoCountryCode='GB')),
        ('ReleasePhoneNumber', gone, 'phone-number', dict(PhoneNumberId='phone-1')), ('ReleasePhoneNumber', invalid, None, {}),
        ('ReleaseSenderId', gone, 'sender-id', dict(SenderId='NOBODY', IsoCountryCode='GB')), ('ReleaseSenderId', invalid, None, dict(SenderId='ACME')),
        ('UpdatePhoneNumber', gone, 'phone-number', dict(PhoneNumberId='phone-1')), ('UpdatePhoneNumber', invalid, None, {}),
        ('UpdateSenderId', gone, 'sender-id', dict(SenderId='NOBODY', IsoCountryCode='GB')), ('UpdateSenderId', invalid, None, {}),
        ('DescribePhoneNumbers', gone, 'phone-number', dict(PhoneNumberIds=['phone-1'])), ('DescribePhoneNumbers', invalid, 'INVALID_NEXT_TOKEN', JUNK),
        ('DescribeSenderIds', gone, 'sender-id', dict(SenderIds=[{'SenderId': 'NOBODY', 'IsoCountryCode': 'GB'}])),
        ('DescribeSenderIds', invalid, 'INVALID_NEXT_TOKEN', JUNK), ('DescribeAccountAttributes', invalid, 'INVALID_NEXT_TOKEN', JUNK),
        ('DescribeAccountLimits', invalid, 'INVALID_NEXT_TOKEN', JUNK), ('DescribeSpendLimits', invalid, 'INVALID_NEXT_TOKEN', JUNK),
        ('DescribeOptOutLists', invalid, 'INVALID_NEXT_TOKEN', JUNK), ('DescribeOptOutLists', gone, 'opt-out-list', dict(OptOutListNames=['nowhere'])),
        ('DescribeOptedOutNumbers', invalid, 'INVALID_NEXT_TOKEN', dict(OptOutListName='Default', **JUNK)),
        ('DescribeOptedOutNumbers', gone, 'opt-out-list', dict(OptOutListName='nowhere')),
        ('DescribeRegistrations', invalid, 'INVALID_NEXT_TOKEN', JUNK), ('DescribeRegistrations', gone, 'registration', dict(RegistrationIds=['registration-1'])),
        ('DescribeVerifiedDestinationNumbers', invalid, 'INVALID_NEXT_TOKEN', JUNK),
        ('DescribeVerifiedDestinationNumbers', gone, 'verified-destination-number', dict(VerifiedDestinationNumberIds=['vdn-1'])),
        ('CreateOptOutList', invalid, None, dict(OptOutListName='with blanks')), ('DeleteOptOutList', gone, 'opt-out-list', dict(OptOutListName='nowhere')),
        ('DeleteOptOutList', clash, 'RESOURCE_DELETION_NOT_ALLOWED', dict(OptOutListName='Default')), ('DeleteOptOutList', invalid, None, {}),
        ('PutOptedOutNumber', gone, 'opt-out-list', dict(OptOutListName='nowhere', OptedOutNumber=BOB)),
        ('PutOptedOutNumber', invalid, None, dict(OptOutListName='Default', OptedOutNumber='nobody')),
        ('DeleteOptedOutNumber', gone, 'opted-out-number', dict(OptOutListName='Default', OptedOutNumber=BOB)),
        ('DeleteOptedOutNumber', invalid, 'PHONE_NUMBER_CANNOT_BE_OPTED_IN', dict(OptOutListName='Default', OptedOutNumber=OPTED_OUT)),
        ('SetTextMessageSpendLimitOverride', invalid, None, dict(MonthlyLimit=-1)), ('SetVoiceMessageSpendLimitOverride', invalid, None, {}),
        ('SetMediaMessageSpendLimitOverride', invalid, None, dict(MonthlyLimit=1000000001)),
        ('CreateVerifiedDestinationNumber', clash, 'RESOURCE_ALREADY_EXISTS', dict(DestinationPhoneNumber=ALICE)),
        ('CreateVerifiedDestinationNumber', clash, 'DESTINATION_PHONE_NUMBER_OPTED_OUT', dict(DestinationPhoneNumber=OPTED_OUT)),
        ('CreateVerifiedDestinationNumber', invalid, None, dict(DestinationPhoneNumber='nobody')),
        ('DeleteVerifiedDestinationNumber', gone, 'verified-destination-number', EUM['DeleteVerifiedDestinationNumber']),
        ('DeleteVerifiedDestinationNumber', invalid, None, {}),
        ('SendDestinationNumberVerificationCode', gone, 'verified-destination-number', EUM['SendDestinationNumberVerificationCode']),
        ('SendDestinationNumberVerificationCode', invalid, None, dict(VerifiedDestinationNumberId='vdn-1', VerificationChannel='PIGEON')),
        ('VerifyDestinationNumber', gone, 'verified-destination-number', EUM['VerifyDestinationNumber']),
        ('ListTagsForResource', gone, 'phone-number', EUM['ListTagsForResource']), ('ListTagsForResource', invalid, None, dict(ResourceArn='no ARN')),
        ('TagResource', gone, 'phone-number', EUM['TagResource']), ('TagResource', invalid, None, dict(ResourceArn=ARN + 'phone-number/phone-1')),
        ('UntagResource', gone, 'phone-number', EUM['UntagResource']), ('UntagResource', invalid, None, dict(ResourceArn=ARN + 'phone-number/phone-1')),
    ])


def with_resources():
    invalid, gone, clash, quota = 'ValidationException', 'ResourceNotFoundException', 'ConflictException', 'ServiceQuotaExceededException'
    number = eum.request_phone_number(**dict(NUMBER, DeletionProtectionEnabled=True))
    eum.request_sender_id(SenderId='ACME', IsoCountryCode='GB', DeletionProtectionEnabled=True)
    call = lambda **more: dict(dict(DestinationPhoneNumber=ALICE, OriginationIdentity=number['PhoneNumberId'], MessageBody='hello'), **more)
    made = eum.create_verified_destination_number(DestinationPhoneNumber=BOB)['VerifiedDestinationNumberId']
    target = dict(VerifiedDestinationNumberId=made)
    rows('eum', 'eum', [
        ('ReleasePhoneNumber', clash, 'DELETION_PROTECTION_ENABLED', dict(PhoneNumberId=number['PhoneNumberId'])),
        ('ReleaseSenderId', clash, 'DELETION_PROTECTION_ENABLED', dict(SenderId='ACME', IsoCountryCode='GB')),
        ('RequestSenderId', clash, 'RESOURCE_ALREADY_EXISTS', dict(SenderId='ACME', IsoCountryCode='GB')),
        ('SendTextMessage', invalid, 'SENDER_ID_NOT_SUPPORTED', dict(DestinationPhoneNumber=ALICE, MessageBody='x', OriginationIdentity='ACME')),
        ('SendTextMessage', clash, 'DESTINATION_PHONE_NUMBER_OPTED_OUT', dict(DestinationPhoneNumber=OPTED_OUT, MessageBody='x')),
        ('SendVoiceMessage', invalid, 'VOICE_CAPABILITY_NOT_AVAILABLE', call()), ('SendVoiceMessage', invalid, None, call(DestinationPhoneNumber='x')),
        ('SendVoiceMessage', gone, 'phone-number', call(OriginationIdentity='phone-' + '0' * 32)),
        ('SendVoiceMessage', invalid, 'FIELD_VALIDATION_FAILED', call(MessageBodyTextType='SSML', MessageBody='<speak>')),
        ('TagResource', quota, 'TAGS_PER_RESOURCE', dict(ResourceArn=number['PhoneNumberArn'], Tags=[{'Key': f'k{i}', 'Value': 'v'} for i in range(51)])),
        ('UpdatePhoneNumber', invalid, None, dict(PhoneNumberId=number['PhoneNumberId'], TwoWayEnabled=True, TwoWayChannelArn=ARN.replace('sms-voice', 'sns') + 'news')),
    ])
    with step('a price below that of the rate card'):
        provoke('eum', 'SendTextMessage', invalid, 'PRICE_OVER_THRESHOLD', DestinationPhoneNumber=ALICE, MessageBody='x', MaxPrice='0.01')
        attributes = {'AWS.SNS.SMS.MaxPrice': {'DataType': 'Number', 'StringValue': '0.01'}}
        provoke('sns', 'Publish', 'InvalidParameterException', PhoneNumber=ALICE, Message='x', MessageAttributes=attributes)
    with step('eum: codes of a number'):
        for _ in range(5):
            eum.send_destination_number_verification_code(VerificationChannel='TEXT', **target)
            right = code(BOB)
        provoke('eum', 'SendDestinationNumberVerificationCode', quota, 'VERIFICATION_ATTEMPTS_PER_DAY', VerificationChannel='TEXT', **target)
        provoke('eum', 'VerifyDestinationNumber', invalid, 'VERIFICATION_CODE_MISMATCH', VerificationCode=wrong(right), **target)
        eum.verify_destination_number(VerificationCode=right, **target)
        provoke('eum', 'VerifyDestinationNumber', clash, 'VERIFICATION_ALREADY_COMPLETE', VerificationCode=right, **target)
        provoke('eum', 'SendDestinationNumberVerificationCode', clash, 'VERIFICATION_ALREADY_COMPLETE', VerificationChannel='TEXT', **target)
    with step('eum: in the sandbox'):
        simulator('PUT', '/sandbox', {'enabled': True})
        provoke('eum', 'SendTextMessage', clash, 'DESTINATION_PHONE_NUMBER_NOT_VERIFIED', DestinationPhoneNumber=NOWHERE, MessageBody='x')
        provoke('sns', 'Publish', 'InvalidParameterException', PhoneNumber=NOWHERE, Message='x')
        voice = eum.request_phone_number(**dict(NUMBER, NumberCapabilities=['VOICE']))['PhoneNumberId']
        provoke('eum', 'SendVoiceMessage', clash, 'DESTINATION_PHONE_NUMBER_NOT_VERIFIED', **call(DestinationPhoneNumber=NOWHERE, OriginationIdentity=voice))
        simulator('PUT', '/sandbox', {'enabled': False})
    with step('eum: no money left'):
        eum.set_text_message_spend_limit_override(MonthlyLimit=0)
        eum.set_voice_message_spend_limit_override(MonthlyLimit=0)
        provoke('eum', 'SendTextMessage', quota, 'MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT', DestinationPhoneNumber=ALICE, MessageBody='x')
        provoke('eum', 'SendVoiceMessage', quota, 'MONTHLY_SPEND_LIMIT_REACHED_FOR_VOICE', **call(OriginationIdentity=voice))


def quotas():
    clash, quota = 'ConflictException', 'ServiceQuotaExceededException'
    with step('eum: as many as there may be'):
        eum.create_opt_out_list(OptOutListName='list0')
        provoke('eum', 'CreateOptOutList', clash, 'RESOURCE_ALREADY_EXISTS', OptOutListName='list0')
        for i in range(1, 9):
            eum.create_opt_out_list(OptOutListName=f'list{i}')
        provoke('eum', 'CreateOptOutList', quota, 'OPT_OUT_LISTS_PER_ACCOUNT', OptOutListName='list9')
        for i in range(18):
            eum.create_verified_destination_number(DestinationPhoneNumber=f'+1202555015{i}' if i < 10 else f'+1202555016{i - 10}')
        provoke('eum', 'CreateVerifiedDestinationNumber', quota, 'VERIFIED_DESTINATION_NUMBERS_PER_ACCOUNT', DestinationPhoneNumber='+12025550170')
        provoke('sns', 'CreateSMSSandboxPhoneNumber', 'UserErrorException', PhoneNumber='+12025550170')
        tags = [{'Key': f'k{i}', 'Value': 'v'} for i in range(51)]
        provoke('eum', 'RequestPhoneNumber', quota, 'TAGS_PER_RESOURCE', Tags=tags, **NUMBER)
        provoke('eum', 'RequestSenderId', quota, 'TAGS_PER_RESOURCE', SenderId='SHOP', IsoCountryCode='GB', Tags=tags)


def complete():
    """Nothing that is declared is left out, and nothing is excused that was provoked."""
    with step('every declared error'):
        left, excused = [], set()
        for service, table in (('sns', SNS), ('eum', EUM)):
            for operation in table:
                for error in MODELS[service]['operations'][operation].get('errors', []):
                    name = error['shape']
                    if (service, operation, name) in provoked:
                        continue
                    why = [k for k in (name, f'{service}.{name}', f'{operation}.{name}') if k in NEVER]
                    excused.update(why)
                    if not why:
                        left.append(f'{operation} {name}')
        equal(left, [])
        equal(sorted(set(NEVER) - excused), [])
    with step('every served operation'):
        for table, page in ((SNS, 'sns-operations.md'), (EUM, 'smsvoice-operations.md')):
            with open(os.path.join('..', '..', '..', 'docs', page)) as f:
                equal(sorted(table), sorted(re.findall(r'^\| (\w+) \| [^|]+ \| yes', f.read(), re.M)))


main(prices, rights, of_sns, of_eum, with_resources, quotas, complete)
